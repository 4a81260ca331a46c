"""Makes a reference file of residual networks anew: python3 test/models/make_golden_resnet.py SEED > golden-resnet-SEED.json

As make_golden.py does for the other models, with torchvision's parameter names: ResNet-18 with CIFAR's stem and ResNet-50
with ImageNet's, both narrow. Images of 45 x 45 leave odd sizes (23, 12, 6, 3, 2) to every strided layer. Numbers are
written with eight digits.
The gains of ResNet-50's last normalisations are drawn around 0 (as by torchvision's zero_init_residual): around 1, three steps
of a network so deep and narrow are chaotic, and PyTorch's own float32 parts from its float64.

fixtures/golden-resnet-7.json comes from PyTorch 1.13 (Debian 12).
"""

import json
import sys

import torch_models
from make_golden import centre, golden_file, image_batch, left, right, running_extras, sgd

DIGITS = 8


def pairs(kernels):
    """Alignment of one convolution's outputs with the inputs of the next, by its kernel; 0 is the linear layer."""

    def of(matrices):
        def inputs(name, kernel):
            vectors = right(matrices[f"{name}.weight"])
            return centre(vectors, kernel) if kernel else vectors

        chosen = kernels.items()
        return {f"{a} -> {b}": (left(matrices[f"{a}.weight"]), inputs(b, k)) for (a, b), k in chosen}

    return of


BASIC_PAIRS = {
    ("conv1", "layer1.0.conv1"): 3,
    ("layer2.0.conv1", "layer2.0.conv2"): 3,
    ("layer2.1.conv2", "layer3.0.downsample.0"): 1,
    ("layer3.0.downsample.0", "layer3.1.conv1"): 3,
    ("layer4.1.conv2", "fc"): 0,
}
BOTTLENECK_PAIRS = {
    ("conv1", "layer1.0.downsample.0"): 1,
    ("layer2.0.conv1", "layer2.0.conv2"): 3,
    ("layer2.0.conv2", "layer2.0.conv3"): 1,
    ("layer2.0.downsample.0", "layer2.1.conv1"): 1,
    ("layer4.2.conv3", "fc"): 0,
}

MODELS = {
    "resnet18": (
        70,
        lambda: torch_models.Resnet(18, 4, 3, 10),
        image_batch(8),
        sgd(0.1, 1e-4),
        pairs(BASIC_PAIRS),
        running_extras,
    ),
    "resnet50": (
        80,
        lambda: torch_models.Resnet(50, 4, 7, 10),
        image_batch(8, 45),
        sgd(0.1, 1e-4),
        pairs(BOTTLENECK_PAIRS),
        running_extras,
    ),
}


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    return {key: rounded(entry) for key, entry in value.items()} if isinstance(value, dict) else value


if __name__ == "__main__":
    print(json.dumps(rounded(golden_file(int(sys.argv[1]), MODELS)), separators=(",", ":")))
