/** A platform with secrets that are known: what was planted in it, and everything that it shows. */
import type { Pool } from "../../platform/sql/index.ts";
import type { Platform } from "../system/platform.ts";
import type { Canary, Sink } from "./leaks.ts";

type Place = {
  readonly platform: Platform;
  /** For files of the test's own. */
  readonly folder: string;
  readonly ledger: Pool;
  readonly forge: Pool;
};

export type World = Place & {
  readonly canaries: readonly Canary[];
  readonly sinks: readonly Sink[];
  /** Something that is searched. */
  sink(name: string, content: string | Buffer): void;
  /** Something that must not be found; its value. */
  plant(name: string, value: string): string;
  /** The API, or another address, as the administrator or by another token. */
  ask(method: string, path: string, body?: unknown, token?: string): Promise<Reply>;
  /** The same, parsed. @throws when it is refused */
  must(method: string, path: string, body?: unknown, token?: string): Promise<Record<string, never>>;
};

export type Reply = { readonly status: number; readonly text: string; readonly headers: string };

/** A secret that needs escaping wherever it is written. */
export const word = (name: string) => `canary-${name}-${crypto.randomUUID()}/+"é`;

export function makeWorld(place: Place, canaries: Canary[]): World {
  const { platform } = place;
  const sinks: Sink[] = [];
  async function ask(method: string, path: string, body?: unknown, token = platform.token): Promise<Reply> {
    const response = await fetch(path.startsWith("http") ? path : `${platform.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text(), headers: JSON.stringify([...response.headers]) };
  }
  const must = async (method: string, path: string, body?: unknown, token?: string): Promise<Record<string, never>> => {
    const reply = await ask(method, path, body, token);
    if (reply.status >= 300) throw new Error(`${method} ${path} answers ${reply.status}: ${reply.text.slice(0, 500)}`);
    return reply.text === "" ? {} : JSON.parse(reply.text);
  };
  return {
    ...{ ...place, canaries, sinks, ask, must },
    sink: (name, content) => void sinks.push({ name, content: Buffer.from(content) }),
    plant(name, value) {
      canaries.push({ name, value });
      return value;
    },
  };
}
