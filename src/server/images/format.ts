export type ImageFormat = 'JPEG' | 'PNG' | 'WebP';

/** What an encoded image is by its first bytes; undefined for everything that is not served (SVG, GIF, TIFF, ...). */
export function imageFormat(bytes: Uint8Array): ImageFormat | undefined {
  const starts = (signature: readonly number[], at = 0) => signature.every((byte, index) => bytes[at + index] === byte);
  if (starts([0xff, 0xd8, 0xff])) return 'JPEG';
  if (starts([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) return 'PNG';
  // RIFF <length> WEBP
  if (starts([0x52, 0x49, 0x46, 0x46]) && starts([0x57, 0x45, 0x42, 0x50], 8)) return 'WebP';
  return undefined;
}
