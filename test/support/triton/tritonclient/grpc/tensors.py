"""What goes into a request and comes out of an answer."""

import json

import numpy as np
from google.protobuf.json_format import MessageToJson
from protocol import message

from ..utils import InferenceServerException, np_to_triton_dtype, raw_of, strings_of, triton_to_np_dtype


class InferInput:
    """A tensor to send: always raw, as the client does."""

    def __init__(self, name, shape, datatype):
        self.tensor = message("ModelInferRequest.InferInputTensor")(name=name, datatype=datatype, shape=shape)
        self.raw = None

    def set_data_from_numpy(self, array):
        datatype = self.tensor.datatype
        fits = array.dtype == np.float32 if datatype == "BF16" else np_to_triton_dtype(array.dtype) == datatype
        if not fits:
            raise InferenceServerException(f"got unexpected datatype {array.dtype} from numpy array for {datatype}")
        if list(array.shape) != list(self.tensor.shape):
            raise InferenceServerException(f"got unexpected numpy array shape {array.shape}")
        self.raw = raw_of(array, datatype)
        return self

    def set_shared_memory(self, region_name, byte_size, offset=0):
        self.raw = None
        self.tensor.parameters["shared_memory_region"].string_param = region_name
        self.tensor.parameters["shared_memory_byte_size"].int64_param = byte_size
        if offset:
            self.tensor.parameters["shared_memory_offset"].int64_param = offset
        return self


class InferRequestedOutput:
    def __init__(self, name, class_count=0):
        self.tensor = message("ModelInferRequest.InferRequestedOutputTensor")(name=name)
        if class_count:
            self.tensor.parameters["classification"].int64_param = class_count


class InferResult:
    def __init__(self, response):
        self._response = response

    def as_numpy(self, name):
        """The tensor, or None when the answer has none of that name. Typed contents are read of BYTES only."""
        for index, output in enumerate(self._response.outputs):
            if output.name != name:
                continue
            if index < len(self._response.raw_output_contents):
                raw = self._response.raw_output_contents[index]
                if output.datatype == "BYTES":
                    array = strings_of(raw)
                else:
                    array = np.frombuffer(raw, dtype=triton_to_np_dtype(output.datatype))
            else:
                array = np.array(output.contents.bytes_contents or [])
            return array.reshape(output.shape)
        return None

    def get_output(self, name):
        return next((output for output in self._response.outputs if output.name == name), None)

    def get_response(self, as_json=False):
        return as_dictionary(self._response) if as_json else self._response


def as_dictionary(response):
    return json.loads(MessageToJson(response, preserving_proto_field_name=True))


def infer_request(
    model_name, inputs, model_version, outputs, request_id, sequence, priority, timeout, parameters
):
    """ModelInferRequest with the parameters that each of the client's arguments becomes."""
    request = message("ModelInferRequest")(model_name=model_name, model_version=model_version, id=request_id)
    for tensor in inputs:
        request.inputs.append(tensor.tensor)
        if tensor.raw is not None:
            request.raw_input_contents.append(tensor.raw)
    request.outputs.extend(output.tensor for output in outputs or [])
    sequence_id, sequence_start, sequence_end = sequence
    if sequence_id:
        field = "string_param" if isinstance(sequence_id, str) else "int64_param"
        setattr(request.parameters["sequence_id"], field, sequence_id)
        request.parameters["sequence_start"].bool_param = sequence_start
        request.parameters["sequence_end"].bool_param = sequence_end
    if priority:
        request.parameters["priority"].uint64_param = priority
    if timeout is not None:
        request.parameters["timeout"].int64_param = timeout
    for name, value in (parameters or {}).items():
        field = {str: "string_param", bool: "bool_param", int: "int64_param"}[type(value)]
        setattr(request.parameters[name], field, value)
    return request
