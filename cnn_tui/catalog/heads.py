"""How large the heads of the catalogue's architectures are, so that weights can be counted without PyTorch.

The figures are those of torchvision's networks; a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Head:
    """The fully connected end of a network.

    Attributes:
        inputs: features that the last layer takes.
        hidden: parameters of the fully connected layers before the last one.
        bias: whether the last layer adds one.
        flat: features that its first fully connected layer takes, None where that is the last layer.
        cut: features that are the same in every epoch where only the last layer learns; None for ``inputs``.
    """

    inputs: int
    hidden: int = 0
    bias: bool = True
    flat: int | None = None
    cut: int | None = None

    def last_layer(self, classes: int) -> int:
        """Parameters of the last layer for this many classes."""
        return classes * (self.inputs + self.bias)


@dataclass(frozen=True)
class AuxiliaryHeads:
    """Further heads that help a network to learn from random weights.

    Attributes:
        fixed: parameters that do not depend on the classes; ``per_class`` those of each class.
        min_image_size: the smallest side in pixels at which they can be used.
        counted: whether the catalogue's number of parameters includes them.
    """

    fixed: int
    per_class: int
    min_image_size: int
    counted: bool

    def parameters(self, classes: int) -> int:
        """Their parameters for this many classes."""
        return self.fixed + self.per_class * classes


AUXILIARY: dict[str, AuxiliaryHeads] = {
    "googlenet": AuxiliaryHeads(4_329_984, 2_050, min_image_size=15, counted=False),
    "inception_v3": AuxiliaryHeads(2_557_696, 769, min_image_size=299, counted=True),
}

HEADS: dict[str, Head] = {
    "vgg16": Head(4096, hidden=119_545_856, flat=25_088),
    "vgg19": Head(4096, hidden=119_545_856, flat=25_088),
    "resnet18": Head(512),
    "resnet34": Head(512),
    "resnet50": Head(2048),
    "alexnet": Head(4096, hidden=54_534_144, flat=9216, cut=9216),
    "googlenet": Head(1024),
    "convnext_base": Head(1024),
    "convnext_large": Head(1536),
    "convnext_small": Head(768),
    "convnext_tiny": Head(768),
    "densenet121": Head(1024),
    "densenet161": Head(2208),
    "densenet169": Head(1664),
    "densenet201": Head(1920),
    "efficientnet_b0": Head(1280),
    "efficientnet_b1": Head(1280),
    "efficientnet_b2": Head(1408),
    "efficientnet_b3": Head(1536),
    "efficientnet_b4": Head(1792),
    "efficientnet_b5": Head(2048),
    "efficientnet_b6": Head(2304),
    "efficientnet_b7": Head(2560),
    "efficientnet_v2_l": Head(1280),
    "efficientnet_v2_m": Head(1280),
    "efficientnet_v2_s": Head(1280),
    "inception_v3": Head(2048),
    "maxvit_t": Head(512, hidden=262_656, bias=False, flat=512),
    "mnasnet0_5": Head(1280),
    "mnasnet0_75": Head(1280),
    "mnasnet1_0": Head(1280),
    "mnasnet1_3": Head(1280),
    "mobilenet_v2": Head(1280),
    "mobilenet_v3_large": Head(1280, hidden=1_230_080, flat=960),
    "mobilenet_v3_small": Head(1024, hidden=590_848, flat=576),
    "regnet_x_16gf": Head(2048),
    "regnet_x_1_6gf": Head(912),
    "regnet_x_32gf": Head(2520),
    "regnet_x_3_2gf": Head(1008),
    "regnet_x_400mf": Head(400),
    "regnet_x_800mf": Head(672),
    "regnet_x_8gf": Head(1920),
    "regnet_y_128gf": Head(7392),
    "regnet_y_16gf": Head(3024),
    "regnet_y_1_6gf": Head(888),
    "regnet_y_32gf": Head(3712),
    "regnet_y_3_2gf": Head(1512),
    "regnet_y_400mf": Head(440),
    "regnet_y_800mf": Head(784),
    "regnet_y_8gf": Head(2016),
    "resnet101": Head(2048),
    "resnet152": Head(2048),
    "resnext101_32x8d": Head(2048),
    "resnext101_64x4d": Head(2048),
    "resnext50_32x4d": Head(2048),
    "shufflenet_v2_x0_5": Head(1024),
    "shufflenet_v2_x1_0": Head(1024),
    "shufflenet_v2_x1_5": Head(1024),
    "shufflenet_v2_x2_0": Head(2048),
    "squeezenet1_0": Head(512),
    "squeezenet1_1": Head(512),
    "swin_b": Head(1024),
    "swin_s": Head(768),
    "swin_t": Head(768),
    "swin_v2_b": Head(1024),
    "swin_v2_s": Head(768),
    "swin_v2_t": Head(768),
    "vgg11": Head(4096, hidden=119_545_856, flat=25_088),
    "vgg11_bn": Head(4096, hidden=119_545_856, flat=25_088),
    "vgg13": Head(4096, hidden=119_545_856, flat=25_088),
    "vgg13_bn": Head(4096, hidden=119_545_856, flat=25_088),
    "vgg16_bn": Head(4096, hidden=119_545_856, flat=25_088),
    "vgg19_bn": Head(4096, hidden=119_545_856, flat=25_088),
    "vit_b_16": Head(768),
    "vit_b_32": Head(768),
    "vit_h_14": Head(1280),
    "vit_l_16": Head(1024),
    "vit_l_32": Head(1024),
    "wide_resnet101_2": Head(2048),
    "wide_resnet50_2": Head(2048),
}
