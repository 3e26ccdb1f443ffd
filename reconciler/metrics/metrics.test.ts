import { expect, it } from "vitest";
import type { Replica, ScrapedDatabase } from "../../platform/store/index.ts";
import { exporterTargets, processTargets, stateOf } from "./index.ts";

const replica = (changes: Partial<Replica>): Replica => ({
  ...{ id: "a", kind: "portal", host: "one", pid: 1, version: "0", address: "http://127.0.0.1:4400", alive: true },
  ...{ startedAt: new Date(0), lastSeenAt: new Date(0), ...changes },
});

it("processes are scraped, those too that stopped to beat, and the gateway that the ledger does not know", () => {
  const replicas = [
    replica({}),
    replica({ id: "b", kind: "reconciler", address: "http://127.0.0.1:4403" }),
    replica({ id: "c", address: "http://127.0.0.1:4410", alive: false }),
    // it began again on its port after it was killed
    replica({ id: "f", alive: false }),
    replica({ id: "d", address: null }),
    // the forge is a stranger, and shows no metrics
    replica({ id: "e", kind: "forge", address: "http://127.0.0.1:4401" }),
  ];
  expect(processTargets(replicas, "127.0.0.1:4492")).toEqual([
    { targets: ["127.0.0.1:4400"], labels: { replica_kind: "portal", host: "one" } },
    { targets: ["127.0.0.1:4403"], labels: { replica_kind: "reconciler", host: "one" } },
    { targets: ["127.0.0.1:4410"], labels: { replica_kind: "portal", host: "one" } },
    { targets: ["127.0.0.1:4492"], labels: { replica_kind: "gateway", host: "" } },
  ]);
  expect(processTargets([], null)).toEqual([]);
});

it("databases with an exporter beside them are a target each, with whose they are; others are none", () => {
  const databases: ScrapedDatabase[] = [
    { id: "shop.store.events", engine: "mongodb", placement: "kubernetes", sample: null },
    { id: "shop.store.orders", engine: "postgres", placement: "local", sample: null },
  ];
  expect(exporterTargets(databases)).toEqual([
    {
      targets: [expect.stringMatching(/^shop-store-events-[0-9a-f]{8}-stats\.shop-store-[0-9a-f]{8}\.svc:56790$/)],
      labels: {
        ...{ tenant: "shop", project: "store", database: "events", engine: "mongodb" },
        namespace: expect.stringMatching(/^shop-store-/),
        object: expect.stringMatching(/^shop-store-events-/),
      },
    },
  ]);
});

it("one that starts, died or is gone should run and does not; one that was put to rest is well", () => {
  expect(["Starting", "Stopped", undefined].map((phase) => stateOf(phase as "Stopped"))).toEqual([
    "stopped",
    "stopped",
    "stopped",
  ]);
  expect((["Ready", "Frozen", "Asleep", "Paused", "Retired", "Damaged"] as const).map(stateOf)).toEqual([
    ...["awake", "frozen", "asleep", "paused", "paused", "damaged"],
  ]);
});
