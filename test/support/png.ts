import { crc32 } from './crc32.js';

/** Signature, IHDR and the start of an IDAT: enough for a decoder to learn a size that is never there. */
export function pngHeader(width: number, height: number): Buffer {
  const header = Buffer.alloc(17);
  header.write('IHDR', 0, 'latin1');
  header.writeUInt32BE(width, 4);
  header.writeUInt32BE(height, 8);
  header.set([8, 2, 0, 0, 0], 12); // 8 bits, RGB
  const data = Buffer.concat([Buffer.from('IDAT', 'latin1'), Buffer.from([0x78, 0x9c, 0x63, 0x00, 0x00])]);
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk(header), chunk(data)]);
}

function chunk(typeAndData: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(typeAndData.length - 4);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(typeAndData));
  return Buffer.concat([length, typeAndData, check]);
}
