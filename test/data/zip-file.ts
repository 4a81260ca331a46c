import { crc32, deflateRawSync } from "node:zlib";

/** What a zip says that is not so, for tests of what is refused. */
export interface ZipOptions {
  readonly deflated?: boolean;
  /** CRC-32 of every file. */
  readonly crc?: number;
  /** Length of every unpacked file. */
  readonly length?: number;
  /** External attributes of every file. */
  readonly attributes?: number;
}

/** A zip archive of uncompressed files, or of deflated ones. */
export function zipFile(files: Readonly<Record<string, string | Buffer>>, options: ZipOptions = {}): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const [path, plain] = [Buffer.from(name), typeof text === "string" ? Buffer.from(text) : text];
    const data = options.deflated ? deflateRawSync(plain) : plain;
    const common = Buffer.alloc(26); // version, flags, method, time, date, CRC, sizes, name length, extra length
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(options.deflated ? 8 : 0, 4);
    common.writeUInt32LE(options.crc ?? crc32(plain), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(options.length ?? plain.length, 18);
    common.writeUInt16LE(path.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, path, data]);
    const place = Buffer.alloc(14); // comment length, disk, attributes, offset
    place.writeUInt32LE(options.attributes ?? 0, 6);
    place.writeUInt32LE(offset, 10);
    centrals.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\x03"), common, place, path]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(centrals.length, 4);
  end.writeUInt16LE(centrals.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, directory, Buffer.from("PK\x05\x06"), end]);
}
