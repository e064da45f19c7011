"""The stub of headwater.v1.LearningService: its calls of one request and one answer."""

from . import learning_pb2


class LearningServiceStub:
    def __init__(self, channel):
        for method in learning_pb2.service.methods:
            call = channel.unary_unary(
                f"/{learning_pb2.service.full_name}/{method.name}",
                request_serializer=learning_pb2.message_class(method.input_type).SerializeToString,
                response_deserializer=learning_pb2.message_class(method.output_type).FromString,
            )
            setattr(self, method.name, call)
