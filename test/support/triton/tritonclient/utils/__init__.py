"""Errors and datatypes, as tritonclient.utils has them."""

import struct

import numpy as np

DATATYPES = {
    "BOOL": np.bool_,
    **{f"INT{bits}": getattr(np, f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": getattr(np, f"uint{bits}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": getattr(np, f"float{bits}") for bits in (16, 32, 64)},
    # numpy has none: its users hand over float32, of which the upper half is sent.
    "BF16": np.float32,
    "BYTES": np.object_,
}


class InferenceServerException(Exception):
    def __init__(self, msg, status=None, debug_details=None):
        super().__init__(msg)
        self._msg, self._status, self._debug_details = msg, status, debug_details

    def __str__(self):
        return self._msg if self._status is None else f"[{self._status}] {self._msg}"

    def message(self):
        return self._msg

    def status(self):
        return self._status

    def debug_details(self):
        return self._debug_details


def triton_to_np_dtype(datatype):
    return DATATYPES.get(datatype)


def np_to_triton_dtype(dtype):
    if np.dtype(dtype).type in (np.object_, np.bytes_):
        return "BYTES"
    return next((name for name, known in DATATYPES.items() if name != "BF16" and np.dtype(dtype) == known), None)


def raw_of(array, datatype):
    """The elements of an array as raw contents."""
    if datatype == "BYTES":
        elements = [value if isinstance(value, bytes) else str(value).encode() for value in array.flat]
        return b"".join(struct.pack("<I", len(element)) + element for element in elements)
    if datatype == "BF16":
        return (np.ascontiguousarray(array).view(np.uint32) >> 16).astype(np.uint16).tobytes()
    return array.tobytes()


def strings_of(raw):
    """BYTES elements of raw contents."""
    elements, at = [], 0
    while at < len(raw):
        (length,) = struct.unpack_from("<I", raw, at)
        elements.append(bytes(raw[at + 4 : at + 4 + length]))
        at += 4 + length
    return np.array(elements, dtype=np.object_)
