/** Ground for tests of changed rows: a receiver of webhooks that does as the test says, and the gateway's parts that tell it. */
import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { type Changes, type ChangesOptions, makeChanges } from "../../gateway/changes/index.ts";
import { readGate } from "../../platform/compute/index.ts";
import { guardedFetch, Secret, systemClock } from "../../platform/core/index.ts";
import type { Backoff } from "../../platform/webhooks/index.ts";
import { asTenant } from "../compute/ground.ts";
import { apiOf, makeWebGround, type WebChanges, type WebGround } from "./web-ground.ts";

export const hookKey = Buffer.alloc(32, 9);
export const hookSecret = new Secret(`whsec_${hookKey.toString("base64")}`);

export type Message = {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly signed: boolean;
  readonly type: string;
  readonly data: {
    readonly table: string;
    readonly event: string;
    readonly number: number;
    readonly key: Record<string, unknown> | null;
    readonly record: Record<string, unknown> | null;
    readonly old: Record<string, unknown> | null;
  };
};

export type Receiver = {
  readonly port: number;
  readonly url: string;
  readonly messages: Message[];
  /** What it answers; 0 breaks off, "hang" never answers. */
  answer: (message: Message) => number | "hang";
  close(): Promise<void>;
};

/** `port`: of one that was closed before. */
export async function makeReceiver(port = 0): Promise<Receiver> {
  const messages: Message[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("error", () => undefined);
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      const id = String(request.headers["webhook-id"]);
      const expected = createHmac("sha256", hookKey)
        .update(`${id}.${String(request.headers["webhook-timestamp"])}.${body}`)
        .digest("base64");
      const signed = request.headers["webhook-signature"] === `v1,${expected}`;
      const message: Message = {
        id,
        headers: request.headers,
        signed,
        ...(JSON.parse(body) as Pick<Message, "type" | "data">),
      };
      const status = receiver.answer(message);
      messages.push(message);
      if (status === "hang") return;
      if (status === 0) return void request.socket.destroy();
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const { port: taken } = server.address() as AddressInfo;
  const receiver: Receiver = {
    ...{ port: taken, url: `http://127.0.0.1:${taken}/hook`, messages, answer: () => 204 },
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return receiver;
}

export const soon: Backoff = () => ({ kind: "later", afterMs: 50 });

export type ChangesGround = WebGround & {
  readonly changes: Changes;
  sql(...statements: readonly string[]): Promise<void>;
};

export type ChangesChanges = WebChanges & { readonly told?: Partial<ChangesOptions>; readonly receiver?: Receiver };

/** A database with these statements run before anything is declared of it, and its changes told. */
export async function makeChangesGround(
  before: readonly string[],
  { told, receiver, ...more }: ChangesChanges,
): Promise<ChangesGround> {
  let changes: Changes | undefined;
  const port = receiver?.port;
  const ground = await makeWebGround(before, {
    ...more,
    wanted: { apiSecrets: new Map([["hook", hookSecret]]), ...more.wanted },
    web: { ...more.web, changes: { ...lazily(() => changes) } },
  });
  const { dataDir } = ground.ground;
  changes = makeChanges({
    ...{ dataDir, keeper: ground.keeper, clock: systemClock, lookMs: 50, backoff: soon },
    observe: (observation) => void ground.observations.push(observation),
    gateOf: (id) => readGate(dataDir, id),
    fetch: guardedFetch({ inside: port === undefined ? [] : [`127.0.0.1:${port}`] }, { timeoutMs: 2_000 }),
    ...told,
  });
  await changes.start();
  const made = changes;
  return {
    ...ground,
    changes: made,
    sql: (...statements) =>
      asTenant(ground.ground.driver, ground.wanted, async (owner) => {
        for (const text of statements) await owner.query(text);
      }),
    async close() {
      await made.close();
      await ground.close();
    },
  };
}

/** The server is made before what it reads from: they share a keeper. */
function lazily(find: () => Changes | undefined): Pick<Changes, "position" | "read" | "follow"> {
  const found = () => {
    const changes = find();
    if (changes === undefined) throw new Error("not begun");
    return changes;
  };
  return {
    position: (...all) => found().position(...all),
    read: (...all) => found().read(...all),
    follow: (...all) => found().follow(...all),
  };
}

export const hooked = (url: string, ...tables: readonly string[]) => ({
  webhooks: tables.map((table) => ({ table, url, secret: { kind: "secret", name: "hook" } })),
});

export { apiOf };
