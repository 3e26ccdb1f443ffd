/**
 * An HTTP server that speaks the wire of HashiCorp Vault's transit and KV v2 engines, as its API documentation gives it: paths,
 * bodies, `{"errors": [...]}`, 403 without a token, 404 with an empty list of errors. Keys never leave it.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type VaultServer = {
  readonly address: string;
  readonly token: string;
  /** Paths asked for, with their methods. */
  readonly asked: string[];
  /** `vault write -f transit/keys/<name>/rotate` */
  rotateTransit(name: string): void;
  /** The next answers have this status; 0 breaks the connection. */
  fail(status: number, times: number): void;
  close(): Promise<void>;
};

type Version = { readonly value: Record<string, unknown>; readonly created: string };
class Refusal {
  readonly status: number;
  readonly errors: readonly string[];
  constructor(status: number, ...errors: string[]) {
    this.status = status;
    this.errors = errors;
  }
}

export async function startVaultServer(): Promise<VaultServer> {
  const token = `hvs.${randomBytes(24).toString("base64url")}`;
  const transit = new Map<string, Buffer[]>([["nebula", [randomBytes(32)]]]);
  const secrets = new Map<string, Version[]>();
  const asked: string[] = [];
  const failing = { status: 0, times: 0 };

  const encrypt = (name: string, plaintext: string): string => {
    const keys = transit.get(name);
    const key = keys?.at(-1);
    if (keys === undefined || key === undefined) throw new Refusal(404);
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    const body = Buffer.concat([cipher.update(Buffer.from(plaintext, "base64")), cipher.final()]);
    return `vault:v${keys.length}:${Buffer.concat([nonce, body, cipher.getAuthTag()]).toString("base64")}`;
  };
  const decrypt = (name: string, ciphertext: string): string => {
    const [, version, text] = /^vault:v(\d+):(.+)$/.exec(ciphertext) ?? [];
    const key = transit.get(name)?.[Number(version) - 1];
    if (key === undefined || text === undefined) throw new Refusal(400, "invalid ciphertext: no prefix");
    const bytes = Buffer.from(text, "base64");
    try {
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12));
      decipher.setAuthTag(bytes.subarray(-16));
      return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString("base64");
    } catch {
      throw new Refusal(400, "cipher: message authentication failed");
    }
  };

  const answer = (method: string, url: URL, body: Record<string, unknown>): unknown => {
    const path = decodeURIComponent(url.pathname);
    const [, verb, name = ""] = /^\/v1\/transit\/(encrypt|decrypt|rewrap)\/([\w-]+)$/.exec(path) ?? [];
    if (verb !== undefined && method === "POST") {
      if (verb === "encrypt") return { ciphertext: encrypt(name, String(body.plaintext)) };
      const plaintext = decrypt(name, String(body.ciphertext));
      return verb === "decrypt" ? { plaintext } : { ciphertext: encrypt(name, plaintext) };
    }
    const [, kind, key = ""] = /^\/v1\/secret\/(data|metadata)\/(.+)$/.exec(path) ?? [];
    const versions = secrets.get(key) ?? [];
    const newest = versions.at(-1);
    if (kind === "metadata" && url.searchParams.get("list") === "true") {
      const inside = [...secrets.keys()].filter((each) => each.startsWith(`${key}/`));
      if (inside.length === 0) throw new Refusal(404);
      return { keys: [...new Set(inside.map((each) => each.slice(key.length + 1).replace(/\/.*/, "/")))] };
    }
    if (kind === "data" && method === "POST") {
      const made = { value: body.data as Record<string, unknown>, created: new Date().toISOString() };
      secrets.set(key, [...versions, made]);
      return { version: versions.length + 1, created_time: made.created, deletion_time: "", destroyed: false };
    }
    if (kind === "metadata" && method === "DELETE") {
      secrets.delete(key);
      return undefined;
    }
    if (newest === undefined) throw new Refusal(404);
    const version = { created_time: newest.created, deletion_time: "", destroyed: false };
    if (kind === "data") return { data: newest.value, metadata: { ...version, version: versions.length } };
    const all = versions.map(({ created }, i) => [String(i + 1), { ...version, created_time: created }] as const);
    return { current_version: versions.length, versions: Object.fromEntries(all) };
  };

  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    asked.push(`${request.method} ${request.url}`);
    const reply = (status: number, body?: unknown) =>
      response
        .writeHead(status, { "content-type": "application/json" })
        .end(body === undefined ? "" : JSON.stringify(body));
    if (failing.times > 0) {
      failing.times--;
      if (failing.status === 0) return request.socket.destroy();
      return reply(failing.status, { errors: ["Vault is sealed"] });
    }
    if (request.headers["x-vault-token"] !== token) return reply(403, { errors: ["permission denied"] });
    try {
      const data = answer(
        request.method ?? "",
        new URL(request.url ?? "", "http://vault"),
        text === "" ? {} : JSON.parse(text),
      );
      return data === undefined ? reply(204) : reply(200, { request_id: "1", lease_id: "", data });
    } catch (thrown) {
      const { status, errors } = thrown as Refusal;
      return reply(status, { errors });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token,
    asked,
    rotateTransit: (name) => void transit.get(name)?.push(randomBytes(32)),
    fail: (status, times) => Object.assign(failing, { status, times }),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
