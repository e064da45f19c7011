"""Calls Headwater with grpcio: a gRPC client that is not written in JavaScript.

Learns the services from the server's reflection (address in argv[1]), does with a JPEG (argv[2]) what a user of the Open
Inference Protocol would do, and prints what it got as JSON.
"""

import json
import struct
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

address, jpeg_path = sys.argv[1:3]
channel = grpc.insecure_channel(address)
pool = descriptor_pool.DescriptorPool()


def fields(data):
    """Number and bytes of each length-delimited field of a message; others are passed over."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = varint()
        value = varint()
        if tag & 7 == 2:
            yield tag >> 3, data[at : at + value]
            at += value


def load_by_reflection(symbol):
    """Asks grpc.reflection.v1 for the file that holds a symbol (field 4 both ways) and puts it into the pool."""
    stream = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
    request = bytes([4 << 3 | 2, len(symbol)]) + symbol.encode()
    for response in stream(iter([request]), timeout=30):
        for number, value in fields(response):
            if number != 4:
                continue
            for _, file in fields(value):
                pool.Add(descriptor_pb2.FileDescriptorProto.FromString(file))


load_by_reflection("inference.GRPCInferenceService")
load_by_reflection("headwater.v1.LearningService")


def message(name):
    descriptor = pool.FindMessageTypeByName(name)
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


def method(channel, service, name, kind="unary_unary"):
    descriptor = pool.FindServiceByName(service).FindMethodByName(name)
    request, response = message(descriptor.input_type.full_name), message(descriptor.output_type.full_name)
    call = getattr(channel, kind)(
        f"/{service}/{name}", request_serializer=request.SerializeToString, response_deserializer=response.FromString
    )
    return request, call


INFER = "inference.GRPCInferenceService"
LEARN = "headwater.v1.LearningService"
out = {}

for name, field in (("ServerLive", "live"), ("ServerReady", "ready")):
    request, call = method(channel, INFER, name)
    out[name] = getattr(call(request(), timeout=30), field)

request, call = method(channel, INFER, "ModelMetadata")
metadata = call(request(name="pets"), timeout=30)
out["inputs"] = {tensor.name: tensor.datatype for tensor in metadata.inputs}
out["outputs"] = {tensor.name: tensor.datatype for tensor in metadata.outputs}

with open(jpeg_path, "rb") as file:
    jpeg = file.read()


def image_request(request, identity, raw=True):
    infer = request(model_name="pets", id=identity)
    tensor = infer.inputs.add(name="image", datatype="BYTES", shape=[1])
    if raw:
        infer.raw_input_contents.append(struct.pack("<I", len(jpeg)) + jpeg)
    else:
        tensor.contents.bytes_contents.append(jpeg)
    return infer


request, infer = method(channel, INFER, "ModelInfer")
answer = infer(image_request(request, "python-1"), timeout=60)
out["first"] = {
    "id": answer.id,
    "outputs": [[o.name, o.datatype, list(o.shape)] for o in answer.outputs],
    "recorded": answer.parameters["recorded"].bool_param,
}

feedback_request, feedback = method(channel, LEARN, "Feedback")
labels = feedback_request(head="pets")
labels.labels.add(id="python-1", label="cat")
labels.labels.add(id="python-sample", label="dog", image=jpeg)
out["stored"] = len(feedback(labels, timeout=30).sequences)

head_request, watch = method(channel, LEARN, "WatchHead", "unary_stream")
for head in watch(head_request(name="pets", interval_ms=100), timeout=120):
    if head.versions and head.versions[0].samples == 2 and head.serving_version == head.latest_version:
        out["classes"] = sorted(entry.name for entry in head.classes)
        break

answer = infer(image_request(request, "python-2", raw=False), timeout=60)
out["typed"] = [[o.name, list(o.shape)] for o in answer.outputs]

stream_request, stream = method(channel, INFER, "ModelStreamInfer", "stream_stream")
answers = stream((image_request(stream_request, f"stream-{i}") for i in range(5)), timeout=60)
out["stream"] = [answer.infer_response.id for answer in answers]

try:
    infer(request(model_name="nobody"), timeout=30)
except grpc.RpcError as error:
    out["unknown"] = [error.code().name, error.details()]

print(json.dumps(out))
