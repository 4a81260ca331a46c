#!/usr/bin/env python3
"""The peer of bench/steps.ts: training steps of the same nine networks in PyTorch, eager, float32.

Reads lines such as {"network": "vgg", "steps": 67, "small": false} and answers each with {"ms": 12.3, "parameters": ...}.
    python3 bench/pytorch.py [--device cuda|cpu] [--tf32]
`ms` is null for a network that is not known.
"""
import argparse
import json
import math
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

arguments = argparse.ArgumentParser()
arguments.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
arguments.add_argument("--tf32", action="store_true", help="products in TF32, on GPUs that have it")
options = arguments.parse_args()
device = torch.device(options.device)
torch.backends.cuda.matmul.allow_tf32 = options.tf32
torch.backends.cudnn.allow_tf32 = options.tf32
torch.manual_seed(0)


def settle():
    if device.type == "cuda":
        torch.cuda.synchronize()


class Block(nn.Module):
    """Attention and an MLP, each added to what goes in; layer norm before each where there is any."""

    def __init__(self, width, heads, hidden, normalised, causal):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm1 = nn.LayerNorm(width) if normalised else nn.Identity()
        self.norm2 = nn.LayerNorm(width) if normalised else nn.Identity()

    def attend(self, x):
        n, length, width = x.shape
        q, k, v = self.qkv(x).view(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) / math.sqrt(width // self.heads)
        if self.causal:
            scores = scores + torch.full((length, length), -1e9, device=x.device).triu(1)
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(n, length, width))

    def forward(self, x):
        x = x + self.attend(self.norm1(x))
        return x + self.down(F.relu(self.up(self.norm2(x))))


class ModularAddition(nn.Module):
    def __init__(self, modulus):
        super().__init__()
        self.embedding, self.block = nn.Embedding(modulus + 1, 128), Block(128, 4, 512, False, False)
        self.head = nn.Linear(128, modulus + 1)
        self.register_buffer("positions", torch.randn(3, 128))

    def forward(self, tokens):
        return self.head(self.block(self.embedding(tokens) + self.positions)[:, 2])


class LanguageModel(nn.Module):
    def __init__(self, vocabulary, layers, width, heads, hidden, length):
        super().__init__()
        self.width = width
        self.embedding = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, heads, hidden, True, True) for _ in range(layers))
        self.head = nn.Linear(width, vocabulary)
        self.register_buffer("positions", torch.randn(length, width))

    def forward(self, tokens):
        x = self.embedding(tokens) * math.sqrt(self.width) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def vgg(plan, width):
    layers, inputs = [], 3
    for entry in plan:
        if entry == "M":
            layers.append(nn.MaxPool2d(2))
            continue
        outputs = round(entry * width)
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(True)]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.chain = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        same = stride == 1 and inputs == outputs
        self.short = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        )

    def forward(self, x):
        return F.relu(self.chain(x) + self.short(x))


def resnet18(width):
    stem = round(64 * width)
    layers = [nn.Conv2d(3, stem, 3, padding=1, bias=False), nn.BatchNorm2d(stem), nn.ReLU(True)]
    inputs = stem
    for stage in range(4):
        for i in range(2):
            layers.append(Residual(inputs, stem * 2**stage, 2 if stage > 0 and i == 0 else 1))
            inputs = stem * 2**stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))


class Unet(nn.Module):
    """Four convolutions down, four transposed ones up, the time added at every level, skips by addition."""

    def __init__(self, channels, embedding):
        super().__init__()
        c1, c2, c3, c4 = channels
        self.register_buffer("frequencies", 30 * torch.randn(embedding // 2))
        self.time = nn.Linear(embedding, embedding)
        conv, up = nn.Conv2d, nn.ConvTranspose2d
        self.convs = nn.ModuleList(
            [
                *[conv(1, c1, 3, 1, bias=False), conv(c1, c2, 3, 2, bias=False)],
                *[conv(c2, c3, 3, 2, bias=False), conv(c3, c4, 3, 2, bias=False)],
                up(c4, c3, 3, 2, bias=False),
                up(c3, c2, 3, 2, output_padding=1, bias=False),
                up(c2, c1, 3, 2, output_padding=1, bias=False),
            ]
        )
        outputs = [c1, c2, c3, c4, c3, c2, c1]
        self.dense = nn.ModuleList(nn.Linear(embedding, c) for c in outputs)
        self.norms = nn.ModuleList(nn.GroupNorm(4 if i == 0 else min(32, c), c) for i, c in enumerate(outputs))
        self.last = up(c1, 1, 3, 1)

    def forward(self, x, steps):
        angle = steps[:, None] * self.frequencies * 2 * math.pi
        time = F.silu(self.time(torch.cat([angle.sin(), angle.cos()], 1)))
        skips = []
        for i, (conv, dense, norm) in enumerate(zip(self.convs, self.dense, self.norms)):
            if i > 4:
                x = x + skips[6 - i + 1]
            x = F.silu(norm(conv(x) + dense(time)[:, :, None, None]))
            if i < 3:
                skips.append(x)
        return self.last(x + skips[0])


class Speech(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.lstm, self.head = nn.LSTM(40, hidden, 4, bidirectional=True), nn.Linear(2 * hidden, 29)

    def forward(self, x):
        return self.head(self.lstm(x)[0])


def classifier(make, inputs):
    """Images of a shape with random labels, trained by SGD with momentum."""

    def build(small):
        n = 8 if small else 128
        x, labels = torch.randn(n, *inputs, device=device), torch.randint(0, 10, (n,), device=device)
        network = make(small).to(device)
        if len(inputs) == 3:
            network, x = network.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
        optimiser = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
        return network, optimiser, lambda: F.cross_entropy(network(x), labels)

    return build


def mlp(inputs):
    def make(small):
        hidden = 32 if small else 256
        sizes = [inputs, hidden, hidden, hidden, 10]
        layers = [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])]
        return nn.Sequential(*[part for layer in layers for part in (layer, nn.ReLU())][:-1])

    return make


def modular_addition(small):
    modulus = 31 if small else 113
    n = int(0.3 * modulus**2)
    pairs = torch.randint(0, modulus, (n, 2), device=device)
    tokens = torch.cat([pairs, torch.full((n, 1), modulus, device=device)], 1)
    targets = pairs.sum(1) % modulus
    network = ModularAddition(modulus).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3, (0.9, 0.98), weight_decay=1)
    return network, optimiser, lambda: F.cross_entropy(network(tokens), targets)


def language_model(small):
    n, length, vocabulary = (2, 32, 200) if small else (4, 256, 8000)
    sizes = (3, 48, 4, 48) if small else (12, 768, 12, 768)
    text = torch.randint(0, vocabulary, (n, length + 1), device=device)
    network = LanguageModel(vocabulary, *sizes, length).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), 6e-4, (0.9, 0.95), weight_decay=0.1)
    return network, optimiser, lambda: F.cross_entropy(network(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())


def unet(small):
    n = 4 if small else 128
    network = (Unet([8, 16, 32, 32], 32) if small else Unet([64, 128, 256, 512], 512)).to(device)
    network = network.to(memory_format=torch.channels_last)
    images, noise = torch.randn(2, n, 1, 28, 28, device=device)
    steps = torch.randint(0, 1000, (n,), device=device).float()
    keep = torch.rand(n, 1, 1, 1, device=device)
    optimiser = torch.optim.AdamW(network.parameters(), 3e-4, weight_decay=0)
    return network, optimiser, lambda: F.mse_loss(network(keep * images + (1 - keep) * noise, steps), noise)


def speech(small):
    length, n, letters = (60, 4, 12) if small else (500, 32, 180)
    x = torch.randn(length, n, 40, device=device)
    labels = torch.randint(1, 29, (n, letters), device=device)
    network = Speech(32 if small else 256).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), 3e-4, weight_decay=0.1)
    frames, lengths = torch.full((n,), length), torch.full((n,), letters)
    return network, optimiser, lambda: F.ctc_loss(network(x).log_softmax(-1), labels, frames, lengths)


VGG16 = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512]
VGG11 = [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512]
NETWORKS = {
    "modular addition": modular_addition,
    "vgg": classifier(lambda small: vgg(VGG16, 0.125 if small else 1), (3, 32, 32)),
    "cifar-decay": classifier(lambda small: vgg(VGG11, 0.125 if small else 0.5), (3, 32, 32)),
    "mlp-labels": classifier(mlp(3072), (3072,)),
    "mnist-mlp": classifier(mlp(784), (784,)),
    "resnet": classifier(lambda small: resnet18(0.125 if small else 1), (3, 32, 32)),
    "unet": unet,
    "lstm": speech,
    "transformer": language_model,
}
built = {}


def step_of(name, small):
    """A training step of a network; only the last asked for is kept."""
    if (name, small) not in built:
        built.clear()
        network, optimiser, loss = NETWORKS[name](small)

        def step():
            optimiser.zero_grad(set_to_none=True)
            value = loss()
            value.backward()
            optimiser.step()

        for _ in range(6):
            step()
        built[(name, small)] = step, sum(p.numel() for p in network.parameters())
    return built[(name, small)]


for line in sys.stdin:
    question = json.loads(line)
    if question["network"] not in NETWORKS:
        print(json.dumps({"ms": None}), flush=True)
        continue
    step, parameters = step_of(question["network"], question["small"])
    settle()
    begin = time.perf_counter()
    for _ in range(question["steps"]):
        step()
    settle()
    ms = 1000 * (time.perf_counter() - begin) / question["steps"]
    print(json.dumps({"ms": ms, "parameters": parameters, "torch": torch.__version__}), flush=True)
