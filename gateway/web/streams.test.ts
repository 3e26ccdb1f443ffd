import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { type StreamOptions, stream } from "./streams.ts";

const row = (status: number, text: string) => ({ status, headers: {}, body: Buffer.from(text) });

/** A stream over one row that changes twice, whose second reading is answered so: what its client got until it ended. */
async function heard(second: ReturnType<typeof row>): Promise<string> {
  const readings = [row(200, '[{"id":1}]'), second];
  const key = { text: '{"id":1}', values: { id: "1" } };
  const changes = ["1", "2"].map((seq) => ({ seq, op: "update" as const, key, lost: 0 }));
  const stop = new AbortController();
  let pages = 0;
  const options = {
    feed: {
      position: async () => "0",
      follow: () => () => undefined,
      async read() {
        if (++pages > 1) stop.abort(); // all is told: nothing more comes
        return { isKept: true, changes: pages === 1 ? changes : [], upTo: "2" };
      },
    },
    served: { id: "acme.shop.orders", engine: { handle: async () => readings.shift() } },
    caller: { kind: "anonymous", role: "anon", claims: {}, subject: "", mayWrite: false },
    asked: { method: "GET", path: "/realtime/v1/orders", query: "", headers: {}, address: "" },
    ...{ relation: "public.orders", table: "/orders", stillMay: async () => true },
    wanted: { events: new Set(["insert", "update", "delete"]), query: new URLSearchParams(), after: "0" },
    onFault: () => undefined,
    onSent: () => undefined,
  } as unknown as StreamOptions;
  const server = createServer((_, response) => void stream(response, options, stop.signal));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)).text();
  } finally {
    server.close();
  }
}

test("a row that is not there any more for who listens is told as deleted", async () => {
  expect(await heard(row(200, "[]"))).toMatch(/id: 1\nevent: update\n.*\n\nid: 2\nevent: delete\n/);
});

test("a row that cannot be read is told as nothing: the stream ends before it", async () => {
  const text = await heard(row(500, '{"code":"57014"}'));
  expect(text).toContain("id: 1\nevent: update\n");
  expect(text).not.toContain("id: 2");
});
