import type { Socket } from "node:net";
import { duplexPair } from "node:stream";
import { expect, test } from "vitest";
import { type Observation, systemClock } from "../../platform/core/index.ts";
import { makeByteReader, readMessage } from "./byte-reader.ts";
import { makeCancelKeys } from "./cancel-keys.ts";
import { defaultGatewayLimits, makeBuckets, makeCounts } from "./limits.ts";
import { protocol30, readErrorFields, startupMessage } from "./protocol.ts";
import { serve } from "./session.ts";
import { tapStream } from "./tap.ts";

/** What a client at an address, in clear, is first told: the type of the message, and the SQLSTATE when it is an error. */
async function firstWord({ address = "127.0.0.1", requireTls = true, draining = false }) {
  const [ours, theirs] = duplexPair();
  const stopping = new AbortController();
  if (draining) stopping.abort();
  const seen: Observation[] = [];
  const served = serve(
    {
      directory: { gateOf: async () => undefined, find: async () => undefined },
      keeper: { enter: () => Promise.reject(new Error("nobody may be woken here")) },
      ...{ tls: () => undefined, domain: "db.localhost", requireTls, limits: defaultGatewayLimits },
      ...{ mockSecret: Buffer.alloc(32), clock: systemClock, observe: (one) => void seen.push(one) },
      account: () => ({ bytesIn: 0, bytesOut: 0, connections: 0, requests: 0 }),
    },
    {
      ...{ cancelKeys: makeCancelKeys(), buckets: makeBuckets(systemClock), open: makeCounts() },
      ...{ draining: stopping.signal, relays: new Set() },
    },
    tapStream(ours as unknown as Socket),
    address,
  );
  const client = makeByteReader(tapStream(theirs as unknown as Socket), 10_000);
  const asked = [
    ["user", "orders"],
    ["database", "acme.shop.orders"],
  ] as const;
  theirs.write(startupMessage(protocol30, new Map(asked)));
  const { type, body } = await readMessage(client, 10_000);
  const code = type === "E" ? readErrorFields(body).get("C") : undefined;
  theirs.destroy();
  ours.destroy();
  await served;
  return { type, code, reasons: seen.flatMap((one) => (one.kind === "gateway.refused" ? [one.reason] : [])) };
}

test("another machine must use TLS, unless it is said that nobody must; this machine may do without", async () => {
  expect(await firstWord({ address: "10.1.2.3" })).toEqual({ type: "E", code: "28000", reasons: ["tls"] });
  expect(await firstWord({ address: "10.1.2.3", requireTls: false })).toMatchObject({ type: "R" });
  expect(await firstWord({})).toMatchObject({ type: "R" });
});

test("a gateway that goes down lets nobody in", async () => {
  expect(await firstWord({ draining: true })).toEqual({ type: "E", code: "57P01", reasons: ["shutdown"] });
});
