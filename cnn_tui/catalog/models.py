"""The selectable architectures: torchvision's classification networks, as a table of facts.

Parameters, multiply-accumulates, ImageNet accuracy and file size are torchvision's figures for the best weights of
each architecture (``get_model_weights(name).DEFAULT``). Tests compare the table with torchvision.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass


@dataclass(frozen=True)
class Head:
    """The fully connected layers at the end of a network.

    Attributes:
        inputs: input features of the last layer.
        hidden: parameters of the fully connected layers before the last one.
        bias: whether the last layer has a bias.
        flat: input features of the first fully connected layer; None if that is the last layer.
        cut: features that are constant over epochs if only the last layer is trained; None for ``inputs``.
    """

    inputs: int
    hidden: int = 0
    bias: bool = True
    flat: int | None = None
    cut: int | None = None

    def last_layer(self, classes: int) -> int:
        """Parameters of the last layer for this number of classes."""
        return classes * (self.inputs + self.bias)


@dataclass(frozen=True)
class AuxiliaryHeads:
    """Additional heads for training from random weights.

    Attributes:
        fixed: parameters that do not depend on the number of classes.
        per_class: parameters per class.
        min_image_size: the smallest image side in pixels for which they are used.
        counted: whether the parameters of the :class:`Architecture` include them.
    """

    fixed: int
    per_class: int
    min_image_size: int
    counted: bool

    def parameters(self, classes: int) -> int:
        """Parameters for this number of classes."""
        return self.fixed + self.per_class * classes


@dataclass(frozen=True)
class Architecture:
    """One network.

    Attributes:
        year: of its publication.
        parameters: for 1,000 classes; with the auxiliary head for Inception, at 518 pixels for vit_h_14.
        gmacs: billions of multiply-accumulates for one image of the size that the weights were tested at.
        accuracy: top-1 accuracy on ImageNet in per cent.
        weights_bytes: size of the download.
        min_image_size: the smallest image side in pixels for training, with at least two images in a batch.
        linear_layers: layers of its head that 'classifier' trains, including the last one.
        image_size_step: the image side must be a multiple of this.
        batch_norm: whether it has BatchNorm layers, which keep running statistics.
    """

    name: str
    year: int
    parameters: int
    gmacs: float
    accuracy: float
    weights_bytes: int
    min_image_size: int
    linear_layers: int
    image_size_step: int
    head: Head
    batch_norm: bool


_VGG_HEAD = Head(4096, hidden=119_545_856, flat=25_088)
_ALEXNET_HEAD = Head(4096, hidden=54_534_144, flat=9216, cut=9216)
_MAXVIT_HEAD = Head(512, hidden=262_656, bias=False, flat=512)
# fmt: off
_TABLE: tuple[tuple[str, int, int, float, float, int, int, int, int, Head], ...] = (
    ("vgg16", 2014, 138_357_544, 15.47, 71.592, 553_434_218, 32, 3, 1, _VGG_HEAD),
    ("vgg19", 2014, 143_667_240, 19.632, 72.376, 574_673_125, 32, 3, 1, _VGG_HEAD),
    ("resnet18", 2015, 11_689_512, 1.814, 69.758, 46_830_452, 1, 1, 1, Head(512)),
    ("resnet34", 2015, 21_797_672, 3.664, 73.314, 87_320_166, 1, 1, 1, Head(512)),
    ("resnet50", 2015, 25_557_032, 4.089, 80.858, 102_540_247, 1, 1, 1, Head(2048)),
    ("alexnet", 2012, 61_100_840, 0.714, 56.522, 244_409_434, 63, 3, 1, _ALEXNET_HEAD),
    ("googlenet", 2014, 6_624_904, 1.498, 69.778, 52_146_733, 15, 1, 1, Head(1024)),
    ("convnext_base", 2022, 88_591_464, 15.355, 84.062, 354_485_796, 32, 1, 1, Head(1024)),
    ("convnext_large", 2022, 197_767_336, 34.361, 84.414, 791_189_389, 32, 1, 1, Head(1536)),
    ("convnext_small", 2022, 50_223_688, 8.684, 83.616, 201_015_164, 32, 1, 1, Head(768)),
    ("convnext_tiny", 2022, 28_589_128, 4.456, 82.52, 114_419_564, 32, 1, 1, Head(768)),
    ("densenet121", 2016, 7_978_856, 2.834, 74.434, 32_343_326, 29, 1, 1, Head(1024)),
    ("densenet161", 2016, 28_681_000, 7.728, 77.138, 115_730_284, 29, 1, 1, Head(2208)),
    ("densenet169", 2016, 14_149_480, 3.36, 75.6, 57_365_495, 29, 1, 1, Head(1664)),
    ("densenet201", 2016, 20_013_928, 4.291, 76.896, 81_131_470, 29, 1, 1, Head(1920)),
    ("efficientnet_b0", 2019, 5_288_548, 0.386, 77.692, 21_444_427, 1, 1, 1, Head(1280)),
    ("efficientnet_b1", 2019, 7_794_184, 0.687, 79.838, 31_599_886, 1, 1, 1, Head(1280)),
    ("efficientnet_b2", 2019, 9_109_994, 1.088, 80.608, 36_882_612, 1, 1, 1, Head(1408)),
    ("efficientnet_b3", 2019, 12_233_232, 1.827, 82.008, 49_476_009, 1, 1, 1, Head(1536)),
    ("efficientnet_b4", 2019, 19_341_616, 4.394, 83.384, 78_107_377, 1, 1, 1, Head(1792)),
    ("efficientnet_b5", 2019, 30_389_784, 10.266, 83.444, 122_540_785, 1, 1, 1, Head(2048)),
    ("efficientnet_b6", 2019, 43_040_704, 19.068, 84.008, 173_394_624, 1, 1, 1, Head(2304)),
    ("efficientnet_b7", 2019, 66_347_960, 37.746, 84.122, 267_046_092, 1, 1, 1, Head(2560)),
    ("efficientnet_v2_l", 2021, 118_515_272, 56.08, 85.808, 476_654_338, 1, 1, 1, Head(1280)),
    ("efficientnet_v2_m", 2021, 54_139_356, 24.582, 85.112, 218_114_293, 1, 1, 1, Head(1280)),
    ("efficientnet_v2_s", 2021, 21_458_488, 8.366, 84.228, 86_721_429, 1, 1, 1, Head(1280)),
    ("inception_v3", 2015, 27_161_264, 5.713, 77.294, 108_950_192, 75, 1, 1, Head(2048)),
    ("maxvit_t", 2022, 30_919_624, 5.558, 83.7, 124_538_322, 224, 2, 224, _MAXVIT_HEAD),
    ("mnasnet0_5", 2018, 2_218_512, 0.104, 67.734, 9_008_316, 1, 1, 1, Head(1280)),
    ("mnasnet0_75", 2018, 3_170_208, 0.215, 71.18, 12_900_630, 1, 1, 1, Head(1280)),
    ("mnasnet1_0", 2018, 4_383_312, 0.314, 73.456, 17_736_663, 1, 1, 1, Head(1280)),
    ("mnasnet1_3", 2018, 6_282_256, 0.526, 76.506, 25_423_773, 1, 1, 1, Head(1280)),
    ("mobilenet_v2", 2018, 3_504_872, 0.301, 72.154, 14_258_536, 1, 1, 1, Head(1280)),
    ("mobilenet_v3_large", 2019, 5_483_032, 0.217, 75.274, 22_132_293, 1, 2, 1, Head(1280, hidden=1_230_080, flat=960)),
    ("mobilenet_v3_small", 2019, 2_542_856, 0.057, 67.668, 10_306_453, 1, 2, 1, Head(1024, hidden=590_848, flat=576)),
    ("regnet_x_16gf", 2020, 54_278_536, 15.941, 82.716, 217_712_689, 1, 1, 1, Head(2048)),
    ("regnet_x_1_6gf", 2020, 9_190_136, 1.603, 79.668, 37_055_627, 1, 1, 1, Head(912)),
    ("regnet_x_32gf", 2020, 107_811_560, 31.736, 83.014, 432_054_206, 1, 1, 1, Head(2520)),
    ("regnet_x_3_2gf", 2020, 15_296_552, 3.177, 81.196, 61_610_131, 1, 1, 1, Head(1008)),
    ("regnet_x_400mf", 2020, 5_495_976, 0.414, 74.864, 22_289_580, 1, 1, 1, Head(400)),
    ("regnet_x_800mf", 2020, 7_259_656, 0.8, 77.522, 29_302_456, 1, 1, 1, Head(672)),
    ("regnet_x_8gf", 2020, 39_572_648, 7.995, 81.682, 158_813_126, 1, 1, 1, Head(1920)),
    ("regnet_y_128gf", 2020, 644_812_894, 374.57, 88.228, 2_581_136_932, 1, 1, 1, Head(7392)),
    ("regnet_y_16gf", 2020, 83_590_140, 15.912, 82.886, 335_009_546, 1, 1, 1, Head(3024)),
    ("regnet_y_1_6gf", 2020, 11_202_430, 1.612, 80.876, 45_248_151, 1, 1, 1, Head(888)),
    ("regnet_y_32gf", 2020, 145_046_770, 32.28, 83.368, 580_990_795, 1, 1, 1, Head(3712)),
    ("regnet_y_3_2gf", 2020, 19_436_338, 3.176, 81.982, 78_189_166, 1, 1, 1, Head(1512)),
    ("regnet_y_400mf", 2020, 4_344_144, 0.402, 75.804, 17_622_368, 1, 1, 1, Head(440)),
    ("regnet_y_800mf", 2020, 6_432_512, 0.834, 78.828, 25_977_421, 1, 1, 1, Head(784)),
    ("regnet_y_8gf", 2020, 39_381_472, 8.473, 82.828, 158_021_451, 1, 1, 1, Head(2016)),
    ("resnet101", 2015, 44_549_160, 7.801, 81.886, 178_813_665, 1, 1, 1, Head(2048)),
    ("resnet152", 2015, 60_192_808, 11.514, 82.284, 241_669_505, 1, 1, 1, Head(2048)),
    ("resnext101_32x8d", 2016, 88_791_336, 16.414, 82.834, 356_172_955, 1, 1, 1, Head(2048)),
    ("resnext101_64x4d", 2016, 83_455_272, 15.46, 83.246, 334_829_191, 1, 1, 1, Head(2048)),
    ("resnext50_32x4d", 2016, 25_028_904, 4.23, 81.198, 100_488_183, 1, 1, 1, Head(2048)),
    ("shufflenet_v2_x0_5", 2018, 1_366_792, 0.04, 60.552, 5_538_578, 1, 1, 1, Head(1024)),
    ("shufflenet_v2_x1_0", 2018, 2_278_604, 0.145, 69.362, 9_218_031, 1, 1, 1, Head(1024)),
    ("shufflenet_v2_x1_5", 2018, 3_503_624, 0.296, 72.996, 14_215_544, 1, 1, 1, Head(1024)),
    ("shufflenet_v2_x2_0", 2018, 7_393_996, 0.583, 76.23, 29_814_161, 1, 1, 1, Head(2048)),
    ("squeezenet1_0", 2016, 1_248_424, 0.819, 58.092, 5_010_096, 21, 1, 1, Head(512)),
    ("squeezenet1_1", 2016, 1_235_496, 0.349, 58.178, 4_958_715, 17, 1, 1, Head(512)),
    ("swin_b", 2021, 87_768_224, 15.431, 83.582, 351_654_641, 4, 1, 1, Head(1024)),
    ("swin_s", 2021, 49_606_258, 8.741, 83.196, 199_005_044, 4, 1, 1, Head(768)),
    ("swin_t", 2021, 28_288_354, 4.491, 81.474, 113_445_437, 4, 1, 1, Head(768)),
    ("swin_v2_b", 2021, 87_930_848, 20.325, 84.112, 352_711_606, 4, 1, 1, Head(1024)),
    ("swin_v2_s", 2021, 49_737_442, 11.546, 83.712, 199_937_228, 4, 1, 1, Head(768)),
    ("swin_v2_t", 2021, 28_351_570, 5.94, 82.072, 113_902_616, 4, 1, 1, Head(768)),
    ("vgg11", 2014, 132_863_336, 7.609, 69.02, 531_460_259, 32, 3, 1, _VGG_HEAD),
    ("vgg11_bn", 2014, 132_868_840, 7.609, 70.37, 531_503_251, 32, 3, 1, _VGG_HEAD),
    ("vgg13", 2014, 133_047_848, 11.308, 69.928, 532_199_505, 32, 3, 1, _VGG_HEAD),
    ("vgg13_bn", 2014, 133_053_736, 11.308, 71.586, 532_246_691, 32, 3, 1, _VGG_HEAD),
    ("vgg16_bn", 2014, 138_365_992, 15.47, 73.36, 553_507_618, 32, 3, 1, _VGG_HEAD),
    ("vgg19_bn", 2014, 143_678_248, 19.632, 74.218, 574_769_594, 32, 3, 1, _VGG_HEAD),
    ("vit_b_16", 2020, 86_567_656, 17.564, 81.072, 346_328_924, 16, 1, 16, Head(768)),
    ("vit_b_32", 2020, 88_224_232, 4.409, 75.912, 352_954_875, 32, 1, 32, Head(768)),
    ("vit_h_14", 2020, 633_470_440, 1016.717, 88.552, 2_534_033_850, 14, 1, 14, Head(1280)),
    ("vit_l_16", 2020, 304_326_632, 61.555, 79.662, 1_217_420_853, 16, 1, 16, Head(1024)),
    ("vit_l_32", 2020, 306_535_400, 15.378, 76.972, 1_226_256_154, 32, 1, 32, Head(1024)),
    ("wide_resnet101_2", 2016, 126_886_696, 22.753, 82.51, 508_294_070, 1, 1, 1, Head(2048)),
    ("wide_resnet50_2", 2016, 68_883_240, 11.398, 81.602, 275_905_511, 1, 1, 1, Head(2048)),
)
_WITHOUT_BATCH_NORM = frozenset((
    "alexnet", "squeezenet1_0", "squeezenet1_1", "vgg11", "vgg13", "vgg16", "vgg19",
    "convnext_tiny", "convnext_small", "convnext_base", "convnext_large",
    "swin_t", "swin_s", "swin_b", "swin_v2_t", "swin_v2_s", "swin_v2_b",
    "vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32", "vit_h_14",
))
# fmt: on

ARCHITECTURES: dict[str, Architecture] = {
    row[0]: Architecture(*row, batch_norm=row[0] not in _WITHOUT_BATCH_NORM) for row in _TABLE
}

AUXILIARY_HEADS: dict[str, AuxiliaryHeads] = {
    "googlenet": AuxiliaryHeads(4_329_984, 2_050, min_image_size=15, counted=False),
    "inception_v3": AuxiliaryHeads(2_557_696, 769, min_image_size=299, counted=True),
}


def nearest(name: str, count: int = 3) -> list[str]:
    """The architectures with the most similar names, best first; a single one if only punctuation or case differ."""
    wanted = _letters_and_digits(name[:100])
    ratios = {
        known: difflib.SequenceMatcher(None, wanted, _letters_and_digits(known)).ratio() for known in ARCHITECTURES
    }
    same = [known for known, ratio in ratios.items() if ratio == 1]
    similar = sorted((known for known, ratio in ratios.items() if ratio >= 0.6), key=lambda known: -ratios[known])
    return same or similar[:count]


def _letters_and_digits(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
