import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { makeHealth, processMissing } from "../../platform/core/index.ts";
import { healthLines, readHealth } from "./health.ts";

async function serving(body: () => Promise<string>, use: (port: number) => Promise<void>): Promise<void> {
  const server = createServer((_request, response) => void body().then((text) => response.writeHead(503).end(text)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use((server.address() as AddressInfo).port);
  } finally {
    await new Promise((resolve) => server.close(resolve).closeAllConnections());
  }
}

test("what is not well is a line with its code; what is well is none", async () => {
  const ask = () => {
    throw processMissing("nobody");
  };
  const health = makeHealth({
    ...{ process: "portal", version: "1.0.0" },
    checks: [
      { name: "ledger", needed: true, ask },
      { name: "disk", needed: false, ask: () => undefined },
    ],
  });
  await serving(
    async () => JSON.stringify(await health.report()),
    async (port) => {
      const said = await readHealth(port);
      expect(said).toMatchObject({ status: "down", ready: false });
      const lines = healthLines([
        { name: "portal", health: said },
        { name: "gateway", health: null },
      ]);
      expect(lines).toEqual([
        expect.stringMatching(/^portal: ledger is down since \S+Z: NEB946 No process of this kind runs$/),
      ]);
    },
  );
});

test("what says something else, or nothing, says no health", async () => {
  await serving(
    async () => '{"status":"ok"}',
    async (port) => expect(await readHealth(port)).toBeNull(),
  );
  expect(await readHealth(1)).toBeNull();
});
