import { packageDefinition } from '../../../../protos/index.js';
import { type MessageDescriptor, type MessageShape, messageShape } from './decoded-size.js';

/** What proto-loader's definitions hold: of a message its descriptor, of a service its methods. */
interface Definition {
  readonly type?: Partial<MessageDescriptor>;
}
interface Method {
  readonly path: string;
  readonly requestType: { readonly type: { readonly name: string } };
}

/** Shapes of the requests of all methods, by the methods' paths. */
export function requestShapes(): Map<string, MessageShape> {
  const definitions = Object.entries(packageDefinition as unknown as Record<string, Definition>);
  const messages = new Map<string, MessageDescriptor>();
  for (const [name, { type }] of definitions) {
    // Services have no type, enums no fields.
    if (type?.field !== undefined) messages.set(name, type as MessageDescriptor);
  }
  const shapes = new Map<string, MessageShape>();
  for (const [service, definition] of definitions) {
    if (definition.type !== undefined) continue;
    for (const { path, requestType } of Object.values(definition as unknown as Record<string, Method>)) {
      const packageName = service.slice(0, service.lastIndexOf('.'));
      const shape = messageShape(messages, `${packageName}.${requestType.type.name}`);
      if (shape !== undefined) shapes.set(path, shape);
    }
  }
  return shapes;
}
