"""The laboratory's models in plain torch.nn, for checking that checkpoints pass both ways.

torch_models.py REQUEST.json: reads {model, sizes, batch, load?, save?}; builds the module, loads the checkpoint `load`
with strict=True (or initialises by PyTorch's defaults), prints {"loss": ...} of the batch, and writes its state dict to
`save`. Files are safetensors; images are batch x height x width x channel, speech is time x batch x feature.
"""

import json
import math
import struct
import sys

import torch
from torch import nn
from torch.nn import functional as F

TYPES = {"F32": torch.float32, "I32": torch.int32, "I64": torch.int64}


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    tensors = {}
    for name, info in header.items():
        start, end = info["data_offsets"]
        flat = torch.frombuffer(data[start:end], dtype=TYPES[info["dtype"]])
        tensors[name] = flat.reshape(info["shape"])
    return tensors


def write_safetensors(path, tensors):
    names = {dtype: name for name, dtype in TYPES.items()}
    header, parts, offset = {}, [], 0
    for name, tensor in tensors.items():
        part = tensor.detach().contiguous().numpy().tobytes()
        place = [offset, offset + len(part)]
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data_offsets": place}
        parts.append(part)
        offset += len(part)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


class Mlp(nn.Module):
    def __init__(self, inputs, hidden, layers, classes):
        super().__init__()
        widths = [inputs] + [hidden] * (layers - 1) + [classes]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:]))

    def loss(self, batch):
        x = batch["images"].permute(0, 3, 1, 2).flatten(1)
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return F.cross_entropy(self.layers[-1](x), batch["labels"].long())


class ConvNorm(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class Vgg(nn.Module):
    def __init__(self, plan, classes):
        super().__init__()
        layers, inputs = [], 3
        for entry in plan:
            layers.append(nn.MaxPool2d(2) if entry == "M" else ConvNorm(inputs, entry))
            inputs = inputs if entry == "M" else entry
        self.layers = nn.Sequential(*layers)
        self.fc = nn.Linear(inputs, classes)

    def loss(self, batch):
        x = F.avg_pool2d(self.layers(batch["images"].permute(0, 3, 1, 2)), 2).flatten(1)
        return F.cross_entropy(self.fc(x), batch["labels"].long())


STAGES = {18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3]}


class Residual(nn.Module):
    """One block: kernels 3, 3 or (a bottleneck) 1, 3, 1, named as torchvision names them."""

    def __init__(self, inputs, width, stride, bottleneck):
        super().__init__()
        outputs = 4 * width if bottleneck else width
        sizes = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
        if not bottleneck:
            sizes = [(inputs, width, 3, stride), (width, width, 3, 1)]
        self.length = len(sizes)
        for i, (a, b, kernel, step) in enumerate(sizes, 1):
            setattr(self, f"conv{i}", nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(b))
        if stride > 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = x
        for i in range(1, self.length + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(F.relu(y) if i > 1 else y))
        return F.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class Resnet(nn.Module):
    """The stem is ImageNet's (a kernel of 7) or CIFAR's (of 3, without pooling)."""

    def __init__(self, depth, width, kernel, classes):
        super().__init__()
        bottleneck = depth >= 50
        self.conv1 = nn.Conv2d(3, width, kernel, 2 if kernel == 7 else 1, kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, 1) if kernel == 7 else nn.Identity()
        inputs = width
        for stage, count in enumerate(STAGES[depth]):
            blocks, inner = [], width * 2**stage
            for i in range(count):
                blocks.append(Residual(inputs, inner, 2 if stage > 0 and i == 0 else 1, bottleneck))
                inputs = 4 * inner if bottleneck else inner
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, classes)

    def loss(self, batch):
        x = self.maxpool(F.relu(self.bn1(self.conv1(batch["images"].permute(0, 3, 1, 2)))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return F.cross_entropy(self.fc(x.mean((2, 3))), batch["labels"].long())


class Fourier(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.W = nn.Parameter(torch.randn(width // 2) * 30, requires_grad=False)

    def forward(self, t):
        angle = (t[:, None].double() * self.W[None, :].double() * 2 * math.pi).remainder(2 * math.pi).to(self.W.dtype)
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


class Dense(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)

    def forward(self, x):
        return self.dense(x)[:, :, None, None]


class Unet(nn.Module):
    def __init__(self, channels, embedding):
        super().__init__()
        c1, c2, c3, c4 = channels
        groups = lambda c: min(32, c)
        self.time_embed = nn.Sequential(Fourier(embedding), nn.Linear(embedding, embedding))
        inputs = 1
        for i, c in enumerate(channels, 1):
            setattr(self, f"conv{i}", nn.Conv2d(inputs, c, 3, stride=1 if i == 1 else 2, bias=False))
            setattr(self, f"dense{i}", Dense(embedding, c))
            setattr(self, f"gnorm{i}", nn.GroupNorm(4 if i == 1 else groups(c), c))
            inputs = c
        for i, (a, b) in {4: (c4, c3), 3: (c3, c2), 2: (c2, c1)}.items():
            padding = 0 if i == 4 else 1
            setattr(self, f"tconv{i}", nn.ConvTranspose2d(a, b, 3, stride=2, bias=False, output_padding=padding))
            setattr(self, f"dense{9 - i}", Dense(embedding, b))
            setattr(self, f"tgnorm{i}", nn.GroupNorm(groups(b), b))
        self.tconv1 = nn.ConvTranspose2d(c1, 1, 3)

    def forward(self, x, t):
        time = F.silu(self.time_embed(t))
        skips = []
        for i in (1, 2, 3, 4):
            x = getattr(self, f"conv{i}")(x) + getattr(self, f"dense{i}")(time)
            x = F.silu(getattr(self, f"gnorm{i}")(x))
            skips.append(x)
        for i in (4, 3, 2):
            x = x if i == 4 else x + skips[i - 1]
            x = getattr(self, f"tconv{i}")(x) + getattr(self, f"dense{9 - i}")(time)
            x = F.silu(getattr(self, f"tgnorm{i}")(x))
        return self.tconv1(x + skips[0])

    def loss(self, batch):
        beta = torch.sigmoid(torch.linspace(-6, 6, 1000)) * (5e-3 - 1e-5) + 1e-5
        share = torch.cumprod(1 - beta, 0)[batch["steps"].long()][:, None, None, None]
        images, noise = (batch[name].permute(0, 3, 1, 2) for name in ("images", "noise"))
        predicted = self(share.sqrt() * images + (1 - share).sqrt() * noise, batch["steps"])
        return F.mse_loss(predicted, noise)


class Lstm(nn.Module):
    def __init__(self, features, hidden, layers, symbols):
        super().__init__()
        self.lstm = nn.LSTM(features, hidden, layers, bidirectional=True)
        self.linear = nn.Linear(2 * hidden, symbols)

    def loss(self, batch):
        logits = self.linear(self.lstm(batch["features"])[0])
        lengths = (batch[name].long() for name in ("frames", "labelLengths"))
        return F.ctc_loss(F.log_softmax(logits, -1), batch["labels"].long(), *lengths)


class Transformer(nn.Module):
    """Of one block and without norms for modular addition."""

    def __init__(self, vocabulary, layers, width, heads, hidden, layerNorm=True):
        super().__init__()
        self.encoder = nn.Embedding(vocabulary, width)
        block = nn.TransformerEncoderLayer(width, heads, hidden, dropout=0, norm_first=True, batch_first=True)
        self.transformer_encoder = nn.TransformerEncoder(block, layers)
        if not layerNorm:
            for layer in self.transformer_encoder.layers:
                layer.norm1 = layer.norm2 = nn.Identity()
        self.decoder = nn.Linear(width, vocabulary)

    def forward(self, tokens):
        time, width = tokens.shape[1], self.encoder.embedding_dim
        angle = torch.arange(time)[:, None] * 10000 ** (-torch.arange(0, width, 2) / width)
        positions = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
        mask = torch.full((time, time), -math.inf).triu(1)
        x = self.encoder(tokens) * math.sqrt(width) + positions
        return self.decoder(self.transformer_encoder(x, mask))

    def loss(self, batch):
        tokens = batch["tokens"].long()
        if "targets" in batch:
            return F.cross_entropy(self(tokens)[:, -1], batch["targets"].long())
        return F.cross_entropy(self(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())


MODELS = {"mlp": Mlp, "vgg": Vgg, "resnet": Resnet, "unet": Unet, "lstm": Lstm, "transformer": Transformer}


def main(path):
    with open(path) as file:
        request = json.load(file)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    module = MODELS[request["model"]](**request["sizes"])
    module.train(request["model"] not in ("vgg", "resnet"))  # these by the running statistics of the checkpoint
    if "load" in request:
        module.load_state_dict(read_safetensors(request["load"]), strict=True)
    with torch.no_grad():
        print(json.dumps({"loss": module.loss(read_safetensors(request["batch"])).item()}))
    if "save" in request:
        write_safetensors(request["save"], module.state_dict())


if __name__ == "__main__":
    main(sys.argv[1])
