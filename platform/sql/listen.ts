import pg from "pg";
import type { Secret } from "../core/index.ts";
import { clientConfig } from "./connect.ts";
import { ledgerUnavailable, translate } from "./errors.ts";
import { quoteIdent } from "./quote.ts";

/**
 * Notifications on one connection of their own, kept alive for as long as somebody listens.
 *
 * 1. A notification is a hint, the table is the truth: after a lost connection each listener is called once with "" because
 *    it may have missed some.
 * 2. `listen` resolves when the server listens; it rejects when the first connection cannot be made. Later losses are mended
 *    in the background, waiting 50 ms to 2 s between attempts.
 */
export type Listen = (channel: string, onNotify: (payload: string) => void) => Promise<() => Promise<void>>;

export function makeListener(url: Secret, applicationName: string): { listen: Listen; close(): Promise<void> } {
  const channels = new Map<string, Set<(payload: string) => void>>();
  let connecting: Promise<pg.Client> | undefined;
  let retry: NodeJS.Timeout | undefined;
  let closed = false;
  let turn: Promise<unknown> = Promise.resolve();

  /** One after the other: the driver's own queue is going away. */
  const ask = (client: pg.Client, text: string): Promise<unknown> => {
    const asked = turn.then(() => client.query(text));
    turn = asked.catch(() => undefined);
    return asked;
  };

  const open = async (): Promise<pg.Client> => {
    const client = new pg.Client(clientConfig(url, `${applicationName} listen`));
    client.on("notification", ({ channel, payload }) => call(channel, payload ?? ""));
    client.on("error", () => undefined); // "end" follows
    try {
      await client.connect();
      for (const channel of channels.keys()) await client.query(`listen ${quoteIdent(channel)}`);
    } catch (thrown) {
      await client.end().catch(() => undefined);
      throw translate(thrown);
    }
    client.once("end", () => lost(50));
    return client;
  };

  const call = (channel: string, payload: string) => {
    for (const onNotify of channels.get(channel) ?? []) onNotify(payload);
  };

  const lost = (delayMs: number) => {
    connecting = undefined;
    if (closed || channels.size === 0 || retry !== undefined) return;
    retry = setTimeout(async () => {
      retry = undefined;
      if (closed || channels.size === 0 || connecting !== undefined) return;
      connecting = open();
      try {
        await connecting;
        for (const channel of [...channels.keys()]) call(channel, "");
      } catch {
        lost(Math.min(delayMs * 2, 2000));
      }
    }, delayMs);
  };

  const listen: Listen = async (channel, onNotify) => {
    if (closed) throw ledgerUnavailable("the connection pool is closed");
    const listeners = channels.get(channel) ?? new Set();
    channels.set(channel, listeners.add(onNotify));
    const forget = async () => {
      listeners.delete(onNotify);
      if (listeners.size > 0 || channels.get(channel) !== listeners) return;
      channels.delete(channel);
      await current()
        ?.then((client) => ask(client, `unlisten ${quoteIdent(channel)}`))
        .catch(() => undefined);
      if (channels.size === 0) await release();
    };
    try {
      connecting ??= open();
      const client = await connecting;
      await ask(client, `listen ${quoteIdent(channel)}`);
    } catch (thrown) {
      connecting = undefined;
      await forget();
      if (channels.size > 0) lost(50);
      throw translate(thrown);
    }
    return forget;
  };

  const current = () =>
    connecting?.catch(() => undefined).then((client) => client ?? Promise.reject(new Error("lost")));

  const release = async () => {
    clearTimeout(retry);
    retry = undefined;
    const client = await connecting?.catch(() => undefined);
    connecting = undefined;
    client?.removeAllListeners("end");
    await client?.end().catch(() => undefined);
  };

  return {
    listen,
    close: async () => {
      closed = true;
      channels.clear();
      await release();
    },
  };
}
