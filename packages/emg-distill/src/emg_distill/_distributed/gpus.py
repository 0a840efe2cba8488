"""What GPUs are said to do: numbers of their makers' data sheets, dense arithmetic, none of them measured by us."""

from dataclasses import dataclass

from emg_distill._errors import unknown_name


@dataclass(frozen=True)
class GpuSpec:
    """A device to train on.

    Attributes
    ----------
    name
        Key of `GPUS`.
    memory
        Bytes.
    fp32, bf16
        Peak of matrix products, FLOP/s: float32 without TF32 (torch's default), and bfloat16 without sparsity, None
        where there is none.
    bandwidth
        Bytes/s of the device's own memory.
    link
        Bytes/s to the other devices of a machine, one direction.
    network
        Bytes/s of each device to other machines, one direction, as its maker's own servers have it.
    host
        Bytes/s from the machine's memory, one direction.
    per_machine
        Devices of a machine.
    source
        Where the numbers stand.
    """

    name: str
    memory: float
    fp32: float
    bf16: float | None
    bandwidth: float
    link: float
    network: float
    host: float
    per_machine: int
    source: str


_SPECS = (
    GpuSpec(
        "v100-32gb", 32e9, 15.7e12, None, 0.9e12, 150e9, 6.25e9, 16e9, 8,
        "NVIDIA V100 data sheet (SXM2); DGX-1: 4 x EDR InfiniBand for 8 GPUs",
    ),
    GpuSpec(
        "a100-80gb", 80e9, 19.5e12, 312e12, 2.039e12, 300e9, 25e9, 32e9, 8,
        "NVIDIA A100 data sheet (80 GB SXM); DGX A100: one HDR InfiniBand a GPU",
    ),
    GpuSpec(
        "h100-80gb", 80e9, 67e12, 989e12, 3.35e12, 450e9, 50e9, 64e9, 8,
        "NVIDIA H100 data sheet (SXM); DGX H100: one NDR InfiniBand a GPU",
    ),
    GpuSpec(
        "h200-141gb", 141e9, 67e12, 989e12, 4.8e12, 450e9, 50e9, 64e9, 8,
        "NVIDIA H200 data sheet (SXM); DGX H200: one NDR InfiniBand a GPU",
    ),
    GpuSpec(
        "rtx4090-24gb", 24e9, 82.6e12, 165.2e12, 1.008e12, 32e9, 1.25e9, 32e9, 4,
        "NVIDIA Ada architecture white paper; PCIe 4.0 x16, no NVLink; a 10 GbE network is assumed",
    ),
)  # fmt: skip
GPUS = {spec.name: spec for spec in _SPECS}


def get_gpu(name: str) -> GpuSpec:
    """Return a device by name; an unknown one raises `EmgDistillError` with the nearest names."""
    if name not in GPUS:
        raise unknown_name("GPU", name, GPUS)
    return GPUS[name]
