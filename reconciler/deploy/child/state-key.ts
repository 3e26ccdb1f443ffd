import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { newId, type Secret } from "../../../platform/core/index.ts";

/**
 * The key that Pulumi would seal secrets of a state with. Its own way, a passphrase, costs a million rounds of PBKDF2 for each
 * command (120 ms here). It also asks key services: this one answers the single call of Vault's transit engine that opens a data
 * key, on loopback, to whoever shows the token of this worker.
 */
export type StateKey = {
  /** For the stack's settings. */
  readonly settings: { readonly secretsProvider: string; readonly encryptedKey: string };
  readonly environment: Readonly<Record<string, string>>;
  /** The key of the job that runs now. */
  use(key: Secret | undefined): void;
};

const keyName = "nebula";

export async function serveStateKey(): Promise<StateKey> {
  const token = newId("key");
  let current: Secret | undefined;
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    request.resume();
    const isAsked = request.method === "PUT" && request.url === `/v1/transit/decrypt/${keyName}`;
    const isOurs = sameText(String(request.headers["x-vault-token"] ?? ""), token);
    const found = isAsked && isOurs ? current : undefined;
    response.writeHead(found === undefined ? 403 : 200, { "content-type": "application/json" });
    response.end(
      JSON.stringify(found === undefined ? { errors: ["permission denied"] } : { data: { plaintext: toPlain(found) } }),
    );
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  const { port } = server.address() as AddressInfo;
  return {
    settings: {
      secretsProvider: `hashivault://${keyName}`,
      encryptedKey: Buffer.from(`vault:v1:${keyName}`).toString("base64"),
    },
    environment: { VAULT_SERVER_URL: `http://127.0.0.1:${port}`, VAULT_SERVER_TOKEN: token },
    use: (key) => {
      current = key;
    },
  };
}

/** A derived secret is 32 bytes in base64url; the engine sends bytes in base64. */
const toPlain = (key: Secret): string => Buffer.from(key.reveal(), "base64url").toString("base64");

const sameText = (one: string, other: string): boolean =>
  one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
