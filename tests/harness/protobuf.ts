/** Just enough of protobuf's wire format to read a message whose fields are known: varints, fixed numbers and bytes. */
export type Field = {
  readonly number: number;
  /** Of varints and fixed numbers. */
  readonly integer?: bigint;
  /** Of texts, bytes and messages. */
  readonly bytes?: Buffer;
};

export function fieldsOf(message: Buffer): readonly Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) throw new Error("a varint breaks off");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (count: number): Buffer => {
    if (at + count > message.length) throw new Error("a field breaks off");
    at += count;
    return message.subarray(at - count, at);
  };
  while (at < message.length) {
    const key = Number(varint());
    const number = key >> 3;
    switch (key & 7) {
      case 0:
        fields.push({ number, integer: varint() });
        break;
      case 1:
        fields.push({ number, integer: take(8).readBigUInt64LE() });
        break;
      case 2:
        fields.push({ number, bytes: take(Number(varint())) });
        break;
      case 5:
        fields.push({ number, integer: BigInt(take(4).readUInt32LE()) });
        break;
      default:
        throw new Error(`wire type ${key & 7} is not known`);
    }
  }
  return fields;
}

export const hex = (field: Field | undefined): string => field?.bytes?.toString("hex") ?? "";
export const textOf = (field: Field | undefined): string => field?.bytes?.toString("utf8") ?? "";
