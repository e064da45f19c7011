// What server reflection hands out. protobufjs, which makes proto-loader's descriptors, gives the entry types of maps a name
// that other protobuf implementations refuse, leaves type names relative (Python's and Go's clients could not read them), and
// drops the mark of `optional` fields (they would read them as a oneof).
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import { LOAD_OPTIONS, PROTO_FILES } from './load-options.js';

interface Field {
  name: string;
  typeName: string;
  oneofIndex: number;
  proto3Optional: boolean;
}
interface Message {
  name: string;
  field: Field[];
  oneofDecl: { name: string }[];
  nestedType: Message[];
  enumType: { name: string }[];
  options: { mapEntry?: boolean } | null;
}
interface File {
  package: string;
  messageType: Message[];
  enumType: { name: string }[];
}

/**
 * The descriptors of `inference` and `headwater.v1` with the names of the .proto files, as every protobuf implementation
 * reads them. For @grpc/reflection; services and handlers use `packageDefinition`.
 */
export function reflectionDefinition(): PackageDefinition {
  const definition = loadSync(PROTO_FILES, { ...LOAD_OPTIONS, keepCase: true });
  const repaired = new Map<string, Buffer>();
  for (const entry of Object.values(definition)) {
    if (!Array.isArray(entry.fileDescriptorProtos)) continue;
    entry.fileDescriptorProtos = entry.fileDescriptorProtos.map((file: Buffer) => {
      const key = file.toString('base64');
      const known = repaired.get(key) ?? repair(file);
      repaired.set(key, known);
      return known;
    });
  }
  return definition;
}

function repair(bytes: Buffer): Buffer {
  const file = descriptor.FileDescriptorProto.decode(bytes) as unknown as File;
  const known = new Set(file.enumType.map(({ name }) => `.${file.package}.${name}`));
  for (const message of file.messageType) {
    renameMapEntries(message);
    markOptionalFields(message);
    collectNames(message, `.${file.package}`, known);
  }
  for (const message of file.messageType) qualify(message, `.${file.package}`, known);
  return Buffer.from(descriptor.FileDescriptorProto.encode(file as object).finish());
}

/** `parameters` has entries of type `ParametersEntry`: protobuf's rule, protobufjs says `Parameters`. */
function renameMapEntries(message: Message): void {
  for (const nested of message.nestedType) {
    renameMapEntries(nested);
    if (!nested.options?.mapEntry) continue;
    const users = message.field.filter((field) => field.typeName === nested.name);
    for (const field of users) {
      nested.name = `${camelCase(field.name)}Entry`;
      field.typeName = nested.name;
    }
  }
}

/** An `optional` field is the only one of a oneof that is called like it, with `_` in front. */
function markOptionalFields(message: Message): void {
  for (const nested of message.nestedType) markOptionalFields(nested);
  for (const field of message.field) {
    if (Object.hasOwn(field, 'oneofIndex') && message.oneofDecl[field.oneofIndex]?.name === `_${field.name}`) {
      field.proto3Optional = true;
    }
  }
}

function camelCase(name: string): string {
  return name.replace(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function collectNames(message: Message, scope: string, known: Set<string>): void {
  const own = `${scope}.${message.name}`;
  known.add(own);
  for (const { name } of message.enumType) known.add(`${own}.${name}`);
  for (const nested of message.nestedType) collectNames(nested, own, known);
}

/** Makes type names absolute, found from the inside outwards as protobuf's scoping rules say. */
function qualify(message: Message, scope: string, known: ReadonlySet<string>): void {
  const own = `${scope}.${message.name}`;
  for (const field of message.field) {
    if (field.typeName === '' || field.typeName.startsWith('.')) continue;
    for (let at = own; at !== ''; at = at.slice(0, at.lastIndexOf('.'))) {
      if (!known.has(`${at}.${field.typeName}`)) continue;
      field.typeName = `${at}.${field.typeName}`;
      break;
    }
  }
  for (const nested of message.nestedType) qualify(nested, own, known);
}
