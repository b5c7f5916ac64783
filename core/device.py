"""What the processor can do."""

from __future__ import annotations

import torch


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 faster than float32 (AVX-512 BF16 or AMX)."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
