import { z } from "zod";
import {
  type Lease,
  listLeases,
  listReplicas,
  listSingletons,
  type Replica,
  replicaKinds,
  type SingletonRow,
} from "../../platform/store/index.ts";
import { json, route } from "./route.ts";
import { named, timestamp } from "./schemas.ts";
import { time } from "./wire.ts";

const held = named(
  "HeldLease",
  "Something that one process at a time may do, and until when this one may.",
  z.strictObject({
    kind: z.enum(["singleton", "stack"]),
    name: z.string().describe("`status`, `repository:<id>`, or the stack `<tenant>.<project>`."),
    fence: z.int().describe("Grows with every holder; an older one writes nothing."),
    until: timestamp,
    operation: z.string().nullable().describe("What is done to the stack."),
  }),
);

const replica = named(
  "Replica",
  "A process of the platform.",
  z.strictObject({
    id: z.string(),
    kind: z.enum(replicaKinds),
    host: z.string(),
    pid: z.int(),
    version: z.string(),
    address: z.string().nullable(),
    alive: z.boolean().describe("Seen within the last 15 seconds."),
    startedAt: timestamp,
    lastSeenAt: timestamp,
    leases: z.array(held),
  }),
);

const orphan = named(
  "UnclaimedLease",
  "A lease of somebody who is not among the replicas: a `pulumi up` elsewhere, or a process that is gone.",
  z.strictObject({ holder: z.string(), lease: held }),
);

export const replicaRoutes = [
  route({
    method: "get",
    path: "/api/v1/replicas",
    operationId: "replicas.list",
    scope: "fleet:write",
    target: "own",
    summary: "The processes of this installation, and who holds what",
    replies: {
      200: json("All of them", z.strictObject({ items: z.array(replica), others: z.array(orphan) })),
    },
  }).handle(async (_call, { sql }) => {
    const [replicas, singletons, stacks] = await Promise.all([listReplicas(sql), listSingletons(sql), listLeases(sql)]);
    const leases = [
      ...singletons.map((row) => ({ holder: row.holder, lease: singletonToWire(row) })),
      ...stacks.map((row) => ({ holder: row.holder, lease: stackToWire(row) })),
    ];
    const known = new Set(replicas.map(({ id }) => id));
    const of = (id: string) => leases.filter(({ holder }) => holder === id).map(({ lease }) => lease);
    return {
      status: 200,
      body: {
        items: replicas.map((row) => replicaToWire(row, of(row.id))),
        others: leases.filter(({ holder }) => !known.has(holder)),
      },
    };
  }),
];

const singletonToWire = ({ name, fence, leaseUntil }: SingletonRow) =>
  ({ kind: "singleton", name, fence, until: time(leaseUntil), operation: null }) as const;

const stackToWire = ({ stack, fence, leaseUntil, operation }: Lease) =>
  ({ kind: "stack", name: stack, fence, until: time(leaseUntil), operation }) as const;

const replicaToWire = (
  { id, kind, host, pid, version, address, alive, startedAt, lastSeenAt }: Replica,
  leases: readonly (ReturnType<typeof singletonToWire> | ReturnType<typeof stackToWire>)[],
) => ({
  ...{ id, kind, host, pid, version, address, alive },
  startedAt: time(startedAt),
  lastSeenAt: time(lastSeenAt),
  leases: [...leases],
});
