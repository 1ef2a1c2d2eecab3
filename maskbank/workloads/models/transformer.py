"""A small Transformer that translates: encoder and decoder, normalised before each layer, with separate projections."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MASKED = -1e9  # added to what may not be seen; finite, so that a row without anything to see is no NaN


class Attention(nn.Module):
    """Scaled dot products in several heads (Vaswani et al. 2017, section 3.2)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, x: Tensor, seen: Tensor, mask: Tensor) -> Tensor:
        """x [B, T, D] looks at `seen` [B, S, D]; `mask` is added to the products, broadcast to [B, heads, T, S]."""
        query, key, value = (
            project(of).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for project, of in ((self.query, x), (self.key, seen), (self.value, seen))
        )
        weights = (query @ key.transpose(2, 3) / math.sqrt(key.shape[-1]) + mask).softmax(-1)
        return self.out((weights @ value).transpose(1, 2).flatten(2))


class EncoderLayer(nn.Module):
    """Self-attention and two linear layers, each added to its input."""

    def __init__(self, dim: int, heads: int, inner: int) -> None:
        super().__init__()
        self.norm1, self.itself = nn.LayerNorm(dim), Attention(dim, heads)
        self.norm2, self.inner, self.outer = nn.LayerNorm(dim), nn.Linear(dim, inner), nn.Linear(inner, dim)

    def look(self, x: Tensor, mask: Tensor) -> Tensor:
        y = self.norm1(x)
        return x + self.itself(y, y, mask)

    def think(self, x: Tensor) -> Tensor:
        return x + self.outer(F.relu(self.inner(self.norm2(x))))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.think(self.look(x, mask))


class DecoderLayer(EncoderLayer):
    """With attention to what the encoder made of the source, between the two."""

    def __init__(self, dim: int, heads: int, inner: int) -> None:
        super().__init__(dim, heads, inner)
        self.norm3, self.source = nn.LayerNorm(dim), Attention(dim, heads)

    def forward(self, x: Tensor, mask: Tensor, memory: Tensor, padding: Tensor) -> Tensor:  # type: ignore[override]
        x = self.look(x, mask)
        return self.think(x + self.source(self.norm3(x), memory, padding))


class Embedding(nn.Module):
    """Words and their places, both learned: [B, T] -> [B, T, D]."""

    def __init__(self, words: int, longest: int, dim: int) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(words, dim), nn.Embedding(longest, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.words(x) + self.places.weight[: x.shape[1]]


class Transformer(nn.Module):
    """[B, S + T] words, S of the source and T of START and what was said -> [B, T, words], logits of what comes next.

    `longest`: S and the most that T may be. Word 0 of the source is padding and is not seen; no place of the target sees
    a later one. Embeddings, norms and the last layer stay dense.
    """

    dense_layers = ("head",)

    def __init__(
        self, words: tuple[int, int], longest: tuple[int, int], dim: int, heads: int, inner: int, layers: int
    ) -> None:
        super().__init__()
        self.source_length, length = longest
        self.source, self.target = (Embedding(*sizes, dim) for sizes in zip(words, longest, strict=True))
        self.encoder = nn.ModuleList(EncoderLayer(dim, heads, inner) for _ in range(layers))
        self.decoder = nn.ModuleList(DecoderLayer(dim, heads, inner) for _ in range(layers))
        self.encoded, self.decoded = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.head = nn.Linear(dim, words[1])
        self.later: Tensor
        self.register_buffer("later", torch.full((length, length), MASKED).triu(1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        source, target = x[:, : self.source_length], x[:, self.source_length :]
        padding = (source == 0)[:, None, None, :] * MASKED
        memory = self.source(source)
        for layer in self.encoder:
            memory = layer(memory, padding)
        memory, y = self.encoded(memory), self.target(target)
        later = self.later[: y.shape[1], : y.shape[1]]
        for layer in self.decoder:
            y = layer(y, later, memory, padding)
        return self.head(self.decoded(y))
