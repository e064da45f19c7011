"""Messages of headwater/v1/learning.proto from the descriptors next to this file, as protoc would make them."""

import pathlib

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_pool = descriptor_pool.DescriptorPool()
_files = [
    descriptor_pb2.FileDescriptorProto.FromString(path.read_bytes())
    for path in sorted(pathlib.Path(__file__).parent.glob("*.bin"))
]
for _file in _files:
    _pool.Add(_file)


def message_class(descriptor):
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(_pool).GetPrototype(descriptor)


for _file in _files:
    for _name, _descriptor in _pool.FindFileByName(_file.name).message_types_by_name.items():
        globals()[_name] = message_class(_descriptor)

service = _pool.FindServiceByName("headwater.v1.LearningService")
