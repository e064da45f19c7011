"""The gRPC client, as tritonclient.grpc has it."""

import os
import sys

sys.path.append(os.path.join(os.path.dirname(__file__), "..", ".."))

from ..utils import InferenceServerException  # noqa: E402
from .client import InferenceServerClient, KeepAliveOptions  # noqa: E402
from .tensors import InferInput, InferRequestedOutput, InferResult  # noqa: E402

__all__ = [
    "InferInput",
    "InferRequestedOutput",
    "InferResult",
    "InferenceServerClient",
    "InferenceServerException",
    "KeepAliveOptions",
]
