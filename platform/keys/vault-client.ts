import type { Secret } from "../core/index.ts";
import { kmsRefused, kmsUnavailable } from "./errors.ts";

/** A HashiCorp Vault (or OpenBao) over its HTTP API. Knows how to ask; not what is asked. */
export type VaultClient = {
  /** The `data` of the answer; undefined for 404. @throws NEB907, NEB908 */
  ask(method: "GET" | "POST" | "DELETE", path: string, body?: object): Promise<unknown>;
};

export type VaultClientOptions = {
  /** For example https://vault.example:8200 */
  readonly address: string;
  /** Read at every request: an agent renews the file. */
  readonly token: () => Secret;
  readonly namespace?: string | undefined;
  readonly timeoutMs?: number;
};

export function makeVaultClient({ address, token, namespace, timeoutMs = 5000 }: VaultClientOptions): VaultClient {
  const base = address.replace(/\/+$/, "");
  return {
    async ask(method, path, body) {
      const response = await fetch(`${base}/v1/${path}`, {
        method,
        redirect: "error",
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          "x-vault-token": token().reveal(),
          "x-vault-request": "true",
          ...(namespace ? { "x-vault-namespace": namespace } : {}),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }).catch((cause: unknown) => {
        throw kmsUnavailable(`${base} does not answer ${method} ${path}`, { cause });
      });
      const text = await response.text().catch((cause: unknown) => {
        throw kmsUnavailable(`${base} broke off its answer to ${method} ${path}`, { cause });
      });
      if (response.status === 404) return undefined;
      if (response.status >= 500 || response.status === 429)
        throw kmsUnavailable(`${base} answers ${response.status} to ${method} ${path}${errorsIn(text)}`);
      if (!response.ok)
        throw kmsRefused(`${base} answers ${response.status} to ${method} ${path}${errorsIn(text)}`, {
          fields: { answered: response.status },
        });
      return text === "" ? {} : (JSON.parse(text) as { data?: unknown }).data;
    },
  };
}

/** Vault's own words. They name paths and policies, never values. */
function errorsIn(text: string): string {
  try {
    const { errors } = JSON.parse(text) as { errors?: unknown };
    return Array.isArray(errors) && errors.length > 0 ? `: ${errors.join("; ").slice(0, 300)}` : "";
  } catch {
    return "";
  }
}
