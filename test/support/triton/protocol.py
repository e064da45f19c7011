"""Message classes and calls from protocol.proto, without protoc: Debian's python3-grpcio comes without grpc_tools."""

import pathlib
import re

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

TOKEN = re.compile(r'"[^"]*"|[A-Za-z_][\w.]*|\d+|[{}()<>=;,]')
FIELD = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    name: getattr(FIELD, f"TYPE_{name.upper()}")
    for name in ("bool", "int32", "int64", "uint32", "uint64", "float", "double", "string", "bytes")
}


class Parser:
    """Reads the part of the proto3 language that protocol.proto uses into a FileDescriptorProto."""

    def __init__(self, text):
        self.tokens = TOKEN.findall(re.sub(r"//[^\n]*", "", text))
        self.at = 0
        self.file = descriptor_pb2.FileDescriptorProto(name="protocol.proto", syntax="proto3")
        self.enums = set(re.findall(r"\benum (\w+)", text))

    def take(self, expected=None):
        token = self.tokens[self.at]
        if expected not in (None, token):
            raise SyntaxError(f"expected {expected}, got {token}")
        self.at += 1
        return token

    def peek(self):
        return self.tokens[self.at]

    def parse(self):
        while self.at < len(self.tokens):
            kind = self.take()
            if kind == "message":
                self.message(self.file.message_type.add())
            elif kind == "enum":
                self.enum(self.file.enum_type.add())
            elif kind == "service":
                self.service(self.file.service.add())
            elif kind == "package":
                self.file.package = self.take()
                self.take(";")
            else:  # syntax = "proto3";
                while self.take() != ";":
                    pass
        return self.file

    def service(self, service):
        service.name = self.take()
        self.take("{")
        while self.peek() != "}":
            self.take("rpc")
            method = service.method.add(name=self.take())
            method.client_streaming, method.input_type = self.argument()
            self.take("returns")
            method.server_streaming, method.output_type = self.argument()
            self.take("{")
            self.take("}")
        self.take("}")

    def argument(self):
        self.take("(")
        streaming = self.peek() == "stream"
        if streaming:
            self.take()
        name = self.take()
        self.take(")")
        return streaming, f".inference.{name}"

    def enum(self, enum):
        enum.name = self.take()
        self.take("{")
        while self.peek() != "}":
            name = self.take()
            self.take("=")
            enum.value.add(name=name, number=int(self.take()))
            self.take(";")
        self.take("}")

    def message(self, message):
        message.name = self.take()
        self.take("{")
        while self.peek() != "}":
            kind = self.take()
            if kind == "message":
                self.message(message.nested_type.add())
            elif kind == "enum":
                self.enum(message.enum_type.add())
            elif kind == "oneof":
                message.oneof_decl.add(name=self.take())
                self.take("{")
                while self.peek() != "}":
                    self.field(message, self.take(), FIELD.LABEL_OPTIONAL, oneof_index=len(message.oneof_decl) - 1)
                self.take("}")
            elif kind == "map":
                self.map_field(message)
            elif kind == "repeated":
                self.field(message, self.take(), FIELD.LABEL_REPEATED)
            else:
                self.field(message, kind, FIELD.LABEL_OPTIONAL)
        self.take("}")

    def field(self, message, kind, label, **options):
        field = message.field.add(name=self.take(), label=label, **options)
        self.take("=")
        field.number = int(self.take())
        self.take(";")
        self.set_type(field, kind)

    def set_type(self, field, kind):
        if kind in SCALARS:
            field.type = SCALARS[kind]
        else:
            field.type = FIELD.TYPE_ENUM if kind in self.enums else FIELD.TYPE_MESSAGE
            field.type_name = kind

    def map_field(self, message):
        """A map is a repeated message of key and value, named after its field."""
        self.take("<")
        key = self.take()
        self.take(",")
        value = self.take()
        self.take(">")
        entry = message.nested_type.add()
        entry.options.map_entry = True
        for number, (name, kind) in enumerate((("key", key), ("value", value)), 1):
            self.set_type(entry.field.add(name=name, number=number, label=FIELD.LABEL_OPTIONAL), kind)
        self.field(message, "?", FIELD.LABEL_REPEATED)
        field = message.field[-1]
        entry.name = "".join(part.capitalize() for part in field.name.split("_")) + "Entry"
        field.type_name = entry.name


_pool = descriptor_pool.DescriptorPool()
_pool.Add(Parser(pathlib.Path(__file__).with_name("protocol.proto").read_text()).parse())


def message(name):
    """The class of the message `inference.<name>`."""
    descriptor = _pool.FindMessageTypeByName(name if name.startswith("inference.") else f"inference.{name}")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(_pool).GetPrototype(descriptor)


class Stub:
    """A callable for each call of the service, as generated stubs have."""

    def __init__(self, channel):
        for method in _pool.FindServiceByName("inference.GRPCInferenceService").methods:
            streams = method.name == "ModelStreamInfer"
            call = channel.stream_stream if streams else channel.unary_unary
            callable_ = call(
                f"/inference.GRPCInferenceService/{method.name}",
                request_serializer=message(method.input_type.full_name).SerializeToString,
                response_deserializer=message(method.output_type.full_name).FromString,
            )
            setattr(self, method.name, callable_)
