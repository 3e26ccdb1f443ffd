/** A client that sends what it is told to, byte by byte: for what no driver would say. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";

export type Received = { readonly type: string; readonly body: Buffer };

export type RawClient = {
  readonly socket: Socket;
  send(...parts: readonly (Buffer | string)[]): void;
  /** The next bytes, exactly so many; fewer when it was closed. */
  bytes(count: number): Promise<Buffer>;
  /** The next message; undefined when the connection is closed. */
  message(): Promise<Received | undefined>;
  /** Messages until one of these types, which is the last; or until it is closed. */
  until(...types: readonly string[]): Promise<readonly Received[]>;
  /** Everything until it is closed. */
  rest(): Promise<Buffer>;
  close(): void;
};

export function rawClient(port: number): Promise<RawClient> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => resolve(over(socket))).once("error", reject);
  });
}

/** Upgrades after SSLRequest, or begins with TLS. */
export async function upgraded(client: RawClient, options: { readonly alpn?: string; readonly serverName?: string }) {
  const { alpn, serverName = "localhost" } = options;
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  client.socket.removeAllListeners("data");
  const secured: TLSSocket = connectTls(
    {
      ...{ socket: client.socket, rejectUnauthorized: false, servername: serverName },
      ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
    },
    () => resolve(secured),
  ).once("error", reject);
  return over(await promise);
}

function over(socket: Socket): RawClient {
  let held: Buffer = Buffer.alloc(0);
  let isClosed = false;
  let wake: () => void = () => undefined;
  socket.on("data", (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    wake();
  });
  for (const ending of ["end", "close", "error"] as const)
    socket.on(ending, () => {
      isClosed = true;
      wake();
    });
  const bytes = async (count: number): Promise<Buffer> => {
    while (held.length < count && !isClosed)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    const taken = held.subarray(0, count);
    held = held.subarray(taken.length);
    return taken;
  };
  const message = async (): Promise<Received | undefined> => {
    const head = await bytes(5);
    if (head.length < 5) return undefined;
    return { type: String.fromCharCode(head[0] ?? 0), body: await bytes(head.readInt32BE(1) - 4) };
  };
  return {
    socket,
    send: (...parts) => void socket.write(Buffer.concat(parts.map((part) => Buffer.from(part as string)))),
    bytes,
    message,
    async until(...types) {
      const found: Received[] = [];
      for (;;) {
        const next = await message();
        if (next === undefined) return found;
        found.push(next);
        if (types.includes(next.type)) return found;
      }
    },
    rest: () => bytes(Number.POSITIVE_INFINITY),
    close: () => void socket.destroy(),
  };
}

export const int32 = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeInt32BE(value | 0, i * 4);
  return bytes;
};

export const sslRequest = int32(8, 80_877_103);
export const gssRequest = int32(8, 80_877_104);
export const cancelRequest = (pid: number, secret: Buffer): Buffer =>
  Buffer.concat([int32(12 + secret.length, 80_877_102, pid), secret]);

export function startup(parameters: Readonly<Record<string, string>>, version = 0x30000): Buffer {
  const text = Object.entries(parameters).flat().join("\0");
  const body = Buffer.concat([int32(version), Buffer.from(`${text}\0\0`)]);
  return Buffer.concat([int32(body.length + 4), body]);
}

export const packet = (type: string, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
};

export const query = (text: string): Buffer => packet("Q", Buffer.from(`${text}\0`));

/** The fields of an ErrorResponse by their letter. */
export const errorFields = ({ body }: Received): Readonly<Record<string, string>> =>
  Object.fromEntries(
    body
      .toString("utf8")
      .split("\0")
      .filter((field) => field !== "")
      .map((field) => [field.slice(0, 1), field.slice(1)]),
  );

/** Signs in by SCRAM-SHA-256; the messages that followed, up to ReadyForQuery or an error. */
export async function scramSignIn(client: RawClient, password: string): Promise<readonly Received[]> {
  const before = await client.until("R", "E");
  if (before.at(-1)?.type === "E") return before;
  const nonce = randomBytes(12).toString("base64");
  const bare = `n=,r=${nonce}`;
  const first = Buffer.from(`n,,${bare}`);
  client.send(packet("p", Buffer.from("SCRAM-SHA-256\0"), int32(first.length), first));
  const [challenge] = await client.until("R", "E");
  if (challenge === undefined || challenge.type === "E") return challenge === undefined ? [] : [challenge];
  const text = challenge.body.toString("utf8", 4);
  const [, serverNonce = "", salt = "", iterations = "1"] = /^r=([^,]+),s=([^,]+),i=(\d+)/.exec(text) ?? [];
  const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(iterations), 32, "sha256");
  const hmac = (key: Buffer, data: string) => createHmac("sha256", key).update(data).digest();
  const clientKey = hmac(salted, "Client Key");
  const withoutProof = `c=biws,r=${serverNonce}`;
  const signature = hmac(createHash("sha256").update(clientKey).digest(), `${bare},${text},${withoutProof}`);
  const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] ?? 0)));
  client.send(packet("p", Buffer.from(`${withoutProof},p=${proof.toString("base64")}`)));
  return [...before, ...(await client.until("Z", "E"))];
}
