"""Makes a reference file (tools/golden/file.ts) anew: python3 test/models/make_golden.py SEED > golden-SEED.json

Seven small models from torch_models.py, every parameter and batch drawn by a formula that any language can repeat, three
optimiser steps in float64, and what came out. It needs PyTorch alone, and takes some seconds.

fixtures/golden-7.json comes from PyTorch 2.6. This script was run with PyTorch 1.13 (Debian 12) and gives its numbers again:
to 1e-9 for VGG, MLP, UNet and LSTM; for the Transformers, whose positions there seem to be rounded to float32, losses to
1e-8, norms to 1e-7, alignment and agreement to 1e-6 (absolute).
"""

import json
import math
import sys

import torch

import torch_models

STEPS = 3
FLOATS = torch.float64
PLAN = [8, 8, "M", 16, 16, "M", 32, 32, 32, "M", 64, 64, 64, "M", 64, 64, 64]  # of the VGG
CONVOLUTIONS = [i for i, entry in enumerate(PLAN) if entry != "M"]


class Draws:
    """Draw k of base b, k counted from 1, hashes i + (1000 b + k) 0x9E3779B9 for the flat row-major index i."""

    def __init__(self, base):
        self.seed = 1000 * base

    def next(self, shape):
        """The next draw, float64 in [0, 1)."""
        self.seed += 1
        x = (torch.arange(math.prod(shape)) + self.seed * 0x9E3779B9) & 0xFFFFFFFF
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
            x = ((x ^ (x >> shift)) * factor) & 0xFFFFFFFF  # int64 wraps around, which leaves the low bits right
        return (x.to(FLOATS) / 2**32).reshape(shape)

    def uniform(self, shape, scale):
        return ((2 * self.next(shape) - 1) * scale).float().to(FLOATS)

    def integers(self, shape, bound):
        return (self.next(shape) * bound).long()


def channels_last(images):
    return images.permute(0, 2, 3, 1)


# Batches, drawn after the parameters


def addition_batch(modulus):
    def batch(draws):
        a, b = draws.integers([64], modulus), draws.integers([64], modulus)
        return {"tokens": torch.stack([a, b, torch.full_like(a, modulus)], 1), "targets": (a + b) % modulus}

    return batch


def image_batch(count, size=32):
    def batch(draws):
        images = channels_last(draws.uniform([count, 3, size, size], 2))
        return {"images": images, "labels": draws.integers([count], 10)}

    return batch


def diffusion_batch(draws):
    images, noise = (channels_last(draws.uniform([4, 1, 28, 28], 1)) for _ in range(2))
    return {"images": images, "noise": noise, "steps": draws.integers([4], 1000)}


def speech_batch(draws):
    features = draws.uniform([3, 37, 40], 1.5).transpose(0, 1)
    labels = 1 + draws.integers([3, 12], 28)  # 0 is the blank
    labels[0, 3] = labels[0, 2]  # a doubled letter, which CTC keeps apart by a blank
    lengths = {"frames": torch.tensor([37, 30, 25]), "labelLengths": torch.tensor([9, 12, 5])}
    return {"features": features, "labels": labels, **lengths}


def text_batch(draws):
    return {"tokens": draws.integers([2, 34], 101)}


# What is kept of a model beside losses, norms and spectra


def running_extras(module, batch):
    norms = [part for part in module.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    running = {
        "runningMeanNorm": [norm.running_mean.norm().item() for norm in norms],
        "runningVarNorm": [norm.running_var.norm().item() for norm in norms],
    }
    module.eval()
    with torch.no_grad():
        return {"evalLoss": module.loss(batch).item(), **running}


def unet_extras(_module, batch):
    beta = torch.sigmoid(torch.linspace(-6, 6, 1000)) * (5e-3 - 1e-5) + 1e-5
    share = torch.cumprod(1 - beta, 0)
    steps = {str(t): share[t].item() for t in (0, 1, 499, 500, 999)}
    return {"timesteps": batch["steps"].tolist(), "alphaBarAt": steps}


def lstm_extras(_module, batch):
    names = {"labels": "labels", "labelLengths": "labelLengths", "frameLengths": "frames"}
    return {name: batch[entry].tolist() for name, entry in names.items()}


def transformer_extras(module, _batch):
    """Alignment of queries with keys: left vectors of both, head by head."""
    width, heads = module.encoder.embedding_dim, 4
    projection = module.transformer_encoder.layers[0].self_attn.in_proj_weight.detach()
    queries, keys = (projection[i * width : (i + 1) * width].chunk(heads) for i in range(2))
    pairs = zip(queries, keys)
    return {"queryKeyPerHead": [diagonal(left(q), left(k))["score"] for q, k in pairs]}


# Singular values and vectors


def svd(matrix):
    return torch.linalg.svd(matrix, full_matrices=False)


def left(matrix):
    """Left singular vectors, one a column."""
    return svd(matrix).U


def right(matrix):
    return svd(matrix).Vh.T


def matrix_of(name, weight):
    """Rows are outputs; a kernel's positions are columns."""
    if name.startswith("tconv"):
        weight = weight.transpose(0, 1)
    return weight.flatten(1)


def centre(vectors, kernel=3):
    """Of right vectors of a convolution, the entries of its kernel's middle position."""
    return vectors.unflatten(0, (-1, kernel * kernel))[:, kernel * kernel // 2]


def diagonal(a, b):
    """A_ii = |<a_i, b_i>|."""
    return scored((a[:, : b.shape[1]] * b[:, : a.shape[1]]).sum(0).abs())


def agreement(a, b):
    """S_ii = |<u_i, u'_i> <v_i, v'_i>| of two matrices of one shape."""
    (u, _, v), (u2, _, v2) = svd(a), svd(b)
    return scored(((u * u2).sum(0) * (v * v2).sum(1)).abs())


def scored(values):
    return {"diag": values[:20].tolist(), "score": values[:10].mean().item()}


def spectrum(matrix):
    s = svd(matrix).S
    count = len(s)
    p = s / s.sum()
    entropy = -torch.special.xlogy(p, p).sum().item()
    return {
        "s": s.tolist(),
        "entropyRank": entropy / count,
        "effectiveRank": math.exp(entropy) / count,
        "count90": (int((p.cumsum(0) <= 0.9).sum()) + 1) / count,
        "stableRank": ((s / s[0]) ** 2).sum().item() / count,
    }


# Alignment of one layer's outputs with the next one's inputs: pairs of functions of the matrices by name


def addition_pairs(matrices):
    layer = "transformer_encoder.layers.0"
    projection = matrices[f"{layer}.self_attn.in_proj_weight"]
    return {
        "encoder.weight -> in_proj": (right(matrices["encoder.weight"]), right(projection)),
        "linear1 -> linear2": mlp_pair(matrices, layer),
    }


def mlp_pair(matrices, layer):
    return left(matrices[f"{layer}.linear1.weight"]), right(matrices[f"{layer}.linear2.weight"])


def transformer_pairs(matrices):
    return {"layer 0 linear1 -> linear2": mlp_pair(matrices, "transformer_encoder.layers.0")}


def vgg_pairs(matrices):
    sixth, seventh = (matrices[f"layers.{CONVOLUTIONS[i]}.conv.weight"] for i in (6, 7))
    return {"conv 6 -> conv 7": (left(sixth), centre(right(seventh)))}


def mlp_pairs(matrices):
    return {"layers.1 -> layers.2": (left(matrices["layers.1.weight"]), right(matrices["layers.2.weight"]))}


def unet_pairs(matrices):
    return {"conv3 -> conv4": (left(matrices["conv3.weight"]), centre(right(matrices["conv4.weight"])))}


def lstm_pairs(matrices):
    """Of left vectors the cell gate's entries, the third of four; of the next matrix the columns of this direction."""

    def cell(name):
        return left(matrices[f"lstm.{name}"])[64:96]

    return {
        "weight_ih_l2 -> weight_hh_l2, cell gate": (cell("weight_ih_l2"), right(matrices["lstm.weight_hh_l2"])),
        "weight_ih_l2 -> weight_ih_l3, cell gate": (
            cell("weight_ih_l2"),
            right(matrices["lstm.weight_ih_l3"][:, :32]),
        ),
        "weight_hh_l2_reverse -> weight_ih_l3_reverse, cell gate": (
            cell("weight_hh_l2_reverse"),
            right(matrices["lstm.weight_ih_l3_reverse"][:, 32:]),
        ),
        "weight_hh_l3 -> linear, cell gate": (cell("weight_hh_l3"), right(matrices["linear.weight"][:, :32])),
    }


def addition(vocabulary, norms):
    return torch_models.Transformer(vocabulary, 1, 128, 4, 512, norms)


def adamw(rate, decay, betas=(0.9, 0.999)):
    return lambda parameters: torch.optim.AdamW(parameters, rate, betas, weight_decay=decay)


def sgd(rate, decay):
    return lambda parameters: torch.optim.SGD(parameters, rate, momentum=0.9, weight_decay=decay)


def nothing(_module, _batch):
    return {}


# name: (added to the seed for the base of the draws, module, batch, optimiser, alignment pairs, extras)
MODELS = {
    "modularAddition": (
        0,
        lambda: addition(114, False),
        addition_batch(113),
        adamw(1e-3, 1, (0.9, 0.98)),
        addition_pairs,
        nothing,
    ),
    "modularAdditionSlingshot": (
        10,
        lambda: addition(98, True),
        addition_batch(97),
        adamw(1e-3, 1, (0.9, 0.98)),
        addition_pairs,
        nothing,
    ),
    "vgg": (20, lambda: torch_models.Vgg(PLAN, 10), image_batch(8), sgd(0.1, 1e-4), vgg_pairs, running_extras),
    "mlp": (30, lambda: torch_models.Mlp(3072, 64, 4, 10), image_batch(16), sgd(0.01, 0), mlp_pairs, nothing),
    "unet": (
        40,
        lambda: torch_models.Unet([32, 32, 64, 64], 32),
        diffusion_batch,
        adamw(3e-4, 0.1),
        unet_pairs,
        unet_extras,
    ),
    "lstm": (
        50,
        lambda: torch_models.Lstm(40, 32, 4, 29),
        speech_batch,
        adamw(3e-4, 0.1),
        lstm_pairs,
        lstm_extras,
    ),
    "transformer": (
        60,
        lambda: torch_models.Transformer(101, 2, 64, 4, 64),
        text_batch,
        adamw(6e-4, 0.1, (0.9, 0.95)),
        transformer_pairs,
        transformer_extras,
    ),
}
CLIPPED = {"transformer"}  # gradients to a global norm of 1


def is_last_norm(name):
    """The gain of a bottleneck's last normalisation: about 0, without which a deep narrow network is chaotic."""
    return name.endswith("bn3.weight")


def offset(name):
    """What is added to the draws of a vector."""
    return 1 if name.endswith("weight") and not is_last_norm(name) else 0


def fill(module, draws):
    for name, parameter in module.named_parameters():
        shape = parameter.shape
        if not parameter.requires_grad:
            value = draws.uniform(shape, 3)
        elif len(shape) >= 2:
            value = draws.uniform(shape, 1 / math.sqrt(parameter.numel() / shape[0]))
        else:
            value = draws.uniform(shape, 0.1) + offset(name)
        parameter.data.copy_(value)


def matrices_of(module):
    """Copies of all matrices, by name."""
    named = module.named_parameters()
    return {name: matrix_of(name, p.detach().clone()) for name, p in named if p.dim() >= 2}


def norms_of(tensors):
    return {name: tensor.norm().item() for name, tensor in tensors}


def train(module, optimiser, batch, clipped):
    """Three steps on one batch: losses, gradient norms of step 0 by parameter, global norms before clipping."""
    losses, global_norms, gradient_norms = [], [], {}
    for step in range(STEPS):
        loss = module.loss(batch)
        optimiser.zero_grad()
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            trained = ((name, p.grad) for name, p in module.named_parameters() if p.requires_grad)
            gradient_norms = norms_of(trained)
        if clipped:
            global_norms.append(torch.nn.utils.clip_grad_norm_(module.parameters(), 1).item())
        optimiser.step()
    losses.append(module.loss(batch).item())
    return losses, gradient_norms, global_norms


def golden_model(name, seed, models=MODELS):
    base, build, draw_batch, optimise, pairs, extras = models[name]
    draws = Draws(seed + base)
    module = build()
    fill(module, draws)
    batch = draw_batch(draws)
    parameters = [
        {
            **{"name": key, "shape": list(p.shape), "trainable": p.requires_grad, "norm": p.norm().item()},
            **({"offset": 0} if is_last_norm(key) else {}),
        }
        for key, p in module.named_parameters()
    ]
    first = matrices_of(module)
    trained = [p for p in module.parameters() if p.requires_grad]
    losses, gradient_norms, global_norms = train(module, optimise(trained), batch, name in CLIPPED)
    last = matrices_of(module)
    return {
        "name": name,
        "parameters": parameters,
        "loss": losses,
        "gradientNorm": gradient_norms,
        **({"globalGradientNorm": global_norms} if name in CLIPPED else {}),
        "afterNorm": norms_of(module.named_parameters()),
        "spectra": {key: spectrum(matrix) for key, matrix in last.items()},
        "agreementWithInit": {key: agreement(matrix, first[key]) for key, matrix in last.items()},
        "alignment": {key: diagonal(*vectors) for key, vectors in pairs(last).items()},
        **extras(module, batch),
    }


def warmup_cosine(step, warmup=200, total=6660, floor=0.1):
    """As the authors' code computes it, with its slip of one step where the warm-up ends."""
    if step < warmup:
        return step / warmup
    if step == warmup or step >= total:
        return floor
    return floor + (1 - floor) * (1 + math.cos(math.pi * (step - warmup) / total)) / 2


def schedules():
    steps = (0, 1, 100, 199, 200, 201, 1000, 3000, 6659, 6660, 10000)
    cosine = {str(epoch): (1 + math.cos(math.pi * epoch / 50)) / 2 for epoch in (0, 1, 10, 25, 49, 50)}
    return {"warmupCosine": {str(step): warmup_cosine(step) for step in steps}, "cosine50": cosine}


def golden_file(seed, models=MODELS):
    torch.set_default_dtype(FLOATS)
    torch.set_num_threads(1)
    found = [golden_model(name, seed, models) for name in models]
    return {"seed": seed, "torch": torch.__version__, "models": found, "schedules": schedules()}


if __name__ == "__main__":
    print(json.dumps(golden_file(int(sys.argv[1]))))
