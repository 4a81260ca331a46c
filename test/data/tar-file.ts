import { gzipSync } from "node:zlib";

/** An entry of a tar archive; what is absent is as usual. */
export interface TarPart {
  readonly name: string;
  readonly content?: Buffer | string;
  /** "0" a file, "2" a symbolic link, "5" a folder, "L" a long name, "x" attributes. */
  readonly type?: string;
  readonly linkname?: string;
  /** What the header says of the length. */
  readonly size?: number;
  /** Added to the header's checksum. */
  readonly wrong?: number;
}

/** A tar archive, with whatever its headers are told to say. */
export function tarFile(parts: readonly TarPart[], { ending = true } = {}): Buffer {
  const blocks = parts.map(({ name, content = "", type = "0", linkname = "", size, wrong = 0 }) => {
    const body = Buffer.from(content);
    const header = Buffer.alloc(512);
    header.write(name, 0, 100);
    header.write("0000644\0", 100);
    header.write("0000000\0", 108);
    header.write("0000000\0", 116);
    header.write(`${(size ?? body.length).toString(8).padStart(11, "0")}\0`, 124);
    header.write("00000000000\0", 136);
    header.write("        ", 148);
    header.write(type, 156);
    header.write(linkname, 157, 100);
    header.write("ustar\x0000", 257);
    const sum = header.reduce((total, byte) => total + byte, 0) + wrong;
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
  });
  return Buffer.concat([...blocks, Buffer.alloc(ending ? 1024 : 0)]);
}

/** The same, gzipped. */
export function tarGzFile(parts: readonly TarPart[]): Buffer {
  return gzipSync(tarFile(parts));
}
