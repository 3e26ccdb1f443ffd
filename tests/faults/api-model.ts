/**
 * What the portal's API promises, as a model: a few maps that each command changes as the API says it does. A command says what it
 * expects before it asks; what differs is a mismatch.
 *
 * 1. Commands are plain data with numbers in them ("the third operation"), so any list of them is a run, and shrinks.
 * 2. The reconciler's part (`finish`) is played by writing to the ledger what it would write: its own tests hold it to that.
 */
import fc from "fast-check";
import type { ProjectSpec } from "../../platform/spec/index.ts";
import type { Pool } from "../../platform/sql/index.ts";
import { getInstance, setInstancePhase, updateOperation } from "../../platform/store/index.ts";
import type { Answer, Caller } from "../portal/harness.ts";

export const databases = ["orders", "sessions"] as const;
type Name = (typeof databases)[number];
type Operation = { readonly id: string; readonly type: string; readonly database: string | null; state: string };

export type Model = {
  readonly tenant: string;
  readonly phases: Map<Name, "Ready" | "Paused">;
  /** Oldest first. */
  readonly operations: Operation[];
  /** Idempotency keys with the operation that their request was answered with. */
  readonly remembered: Map<string, { readonly act: string; readonly database: Name; readonly operation: string }>;
  readonly secrets: Set<string>;
  readonly keys: Map<string, { readonly id: string; revoked: boolean }>;
  /** Open pull requests and closed ones. */
  readonly pulls: Map<number, "open" | "closed">;
};

/** What a run works on: callers of one tenant, and one of another. */
export type World = {
  readonly sql: Pool;
  readonly admin: Caller;
  readonly viewer: Caller;
  readonly stranger: Caller;
  readonly as: (key: string) => Caller;
  readonly mismatches: string[];
  /** False in the control: the model forgets what a paused database refuses. */
  readonly faithful: boolean;
};

export const emptyModel = (tenant: string): Model => ({
  tenant,
  phases: new Map(databases.map((name) => [name, "Ready"])),
  operations: [],
  remembered: new Map(),
  secrets: new Set(),
  keys: new Map(),
  pulls: new Map(),
});

const which = fc.nat({ max: 1_000_000 });
const database = fc.constantFrom(...databases);
const act = fc.constantFrom("pause", "resume", "restart");
const one = <const K extends string, R extends object>(kind: K, fields: { [F in keyof R]: fc.Arbitrary<R[F]> }) =>
  fc.record({ kind: fc.constant(kind), ...fields }) as unknown as fc.Arbitrary<{ readonly kind: K } & R>;

/** Weighed so that a run meets every command, and those that need the Git host, which cost a hundred times more, now and then. */
export const command = fc.oneof(
  { weight: 28, arbitrary: one("act", { act, database }) },
  { weight: 16, arbitrary: one("repeat", { act, database, key: fc.constantFrom("k1", "k2", "k3") }) },
  { weight: 20, arbitrary: one("finish", { which }) },
  { weight: 16, arbitrary: one("cancel", { which }) },
  { weight: 16, arbitrary: one("showOperation", { which }) },
  { weight: 16, arbitrary: one("listOperations", { limit: fc.integer({ min: 3, max: 9 }) }) },
  { weight: 12, arbitrary: one("listDatabases", { limit: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 16, arbitrary: one("showDatabase", { database }) },
  { weight: 10, arbitrary: one("asViewer", { act, database }) },
  { weight: 10, arbitrary: one("asStranger", { which, database }) },
  { weight: 10, arbitrary: one("putSecret", { name: fc.constantFrom("a", "b", "c") }) },
  { weight: 8, arbitrary: one("deleteSecret", { name: fc.constantFrom("a", "b", "c") }) },
  { weight: 6, arbitrary: one("listSecrets", {}) },
  { weight: 4, arbitrary: one("makeKey", {}) },
  { weight: 6, arbitrary: one("useKey", { which }) },
  { weight: 4, arbitrary: one("revokeKey", { which }) },
  { weight: 8, arbitrary: one("nonsense", { which }) },
  { weight: 1, arbitrary: one("propose", { name: fc.constantFrom("more", "other") }) },
  { weight: 1, arbitrary: one("closePull", { which }) },
);
type CommandOf<A> = A extends fc.Arbitrary<infer C> ? C : never;
export type Command = CommandOf<typeof command>;

/** Runs one command against both, and notes every difference. */
export async function run(given: Command, model: Model, world: World): Promise<void> {
  const { admin, viewer, stranger, mismatches } = world;
  const base = `/api/v1/domain/${model.tenant}/project/store/databases`;
  const secrets = `/api/v1/tenants/${model.tenant}/secrets`;
  const expect = (what: string, answer: unknown, wanted: unknown): void => {
    if (JSON.stringify(answer) === JSON.stringify(wanted)) return;
    mismatches.push(
      `${what}: ${JSON.stringify(answer)} instead of ${JSON.stringify(wanted)} (${JSON.stringify(given)})`,
    );
  };
  const status = (answer: Answer, wanted: number, code?: string): boolean => {
    expect("status", [answer.status, code && answer.body?.code], [wanted, code]);
    return answer.status === wanted;
  };
  const operation = pick(model.operations, "which" in given ? given.which : 0);

  switch (given.kind) {
    case "act": {
      const answer = await admin.send("POST", `${base}/${given.database}/${given.act}`);
      if (!mayAct(model, world, given)) return void status(answer, 409, "NEB612");
      if (status(answer, 202)) model.operations.push(queued(answer, given));
      return;
    }
    case "repeat": {
      const headers = { "idempotency-key": given.key };
      const answer = await admin.send("POST", `${base}/${given.database}/${given.act}`, undefined, headers);
      const known = model.remembered.get(given.key);
      if (known !== undefined) {
        const same = known.act === given.act && known.database === given.database;
        if (!same) return void status(answer, 422, "NEB608");
        if (status(answer, 202)) expect("the same operation", answer.body.operation.id, known.operation);
        return;
      }
      if (!mayAct(model, world, given)) return void status(answer, 409, "NEB612");
      if (!status(answer, 202)) return;
      model.operations.push(queued(answer, given));
      model.remembered.set(given.key, { ...given, operation: answer.body.operation.id });
      return;
    }
    case "finish":
      if (operation?.state === "QUEUED") await finish(world.sql, model, operation);
      return;
    case "cancel": {
      if (operation === undefined) return;
      const answer = await admin.send("POST", `/api/v1/operations/${operation.id}/cancel`);
      if (operation.state !== "QUEUED") return void status(answer, 409, "NEB612");
      if (status(answer, 202)) operation.state = answer.body.state;
      return expect("cancelled", operation.state, "CANCELLED");
    }
    case "showOperation": {
      if (operation === undefined) return;
      const answer = await viewer.get(`/api/v1/operations/${operation.id}`);
      if (status(answer, 200)) expect("the operation", shownOperation(answer.body), operation);
      return;
    }
    case "listOperations": {
      const seen = await pages(viewer, `/api/v1/operations?domain=${model.tenant}`, given.limit, status);
      return expect("newest first", seen.map(shownOperation), [...model.operations].reverse());
    }
    case "listDatabases": {
      const seen = await pages(viewer, base, given.limit, status);
      const phases = seen.map((each) => [each.name, each.phase]);
      return expect("the databases", phases, [...model.phases]);
    }
    case "showDatabase": {
      const answer = await viewer.get(`${base}/${given.database}`);
      if (status(answer, 200)) expect("the phase", answer.body.phase, model.phases.get(given.database));
      return;
    }
    case "asViewer":
      return void status(await viewer.send("POST", `${base}/${given.database}/${given.act}`), 403, "NEB662");
    case "asStranger": {
      status(await stranger.get(`${base}/${given.database}`), 404, "NEB602");
      status(await stranger.get(`/api/v1/operations?domain=${model.tenant}`), 404, "NEB602");
      if (operation !== undefined)
        status(await stranger.send("POST", `/api/v1/operations/${operation.id}/cancel`), 404, "NEB602");
      return;
    }
    case "putSecret":
      if (status(await admin.send("POST", secrets, { name: given.name, value: "a long enough value" }), 200))
        model.secrets.add(given.name);
      return;
    case "deleteSecret": {
      const answer = await admin.send("DELETE", `${secrets}/${given.name}`);
      if (!model.secrets.has(given.name)) return void status(answer, 404, "NEB602");
      if (status(answer, 204)) model.secrets.delete(given.name);
      return;
    }
    case "listSecrets": {
      const answer = await admin.get(secrets);
      if (status(answer, 200))
        expect(
          "the secrets",
          answer.body.items.map((each: { name: string }) => each.name),
          [...model.secrets].sort(),
        );
      return;
    }
    case "makeKey": {
      const wanted = { name: "model", user: "ada", role: "viewer", tenant: model.tenant };
      const answer = await admin.send("POST", "/api/v1/keys", wanted);
      if (status(answer, 201)) model.keys.set(answer.body.key, { id: answer.body.id, revoked: false });
      return;
    }
    case "useKey": {
      const [text, key] = pick([...model.keys], given.which) ?? [];
      if (text === undefined || key === undefined) return;
      const answer = await world.as(text).get("/api/v1/versions");
      return void (key.revoked ? status(answer, 401, "NEB661") : status(answer, 200));
    }
    case "revokeKey": {
      const [, key] = pick([...model.keys], given.which) ?? [];
      if (key === undefined) return;
      const answer = await admin.send("DELETE", `/api/v1/keys/${key.id}`);
      if (key.revoked) return void status(answer, 404, "NEB602");
      if (status(answer, 204)) key.revoked = true;
      return;
    }
    case "nonsense":
      return refuses(given.which, model, world, status);
    case "propose": {
      const answer = await admin.send("POST", base, { name: given.name, version: "18" });
      if (!status(answer, 202)) return;
      model.operations.push({ ...shownOperation(answer.body.operation) });
      model.pulls.set(answer.body.pull.number, "open");
      return expect("it waits", answer.body.operation.state, "IN_PROGRESS");
    }
    case "closePull": {
      const [number, state] = pick([...model.pulls], given.which) ?? [];
      if (number === undefined) return;
      const answer = await admin.send("POST", `/api/v1/pulls/${number}/close`);
      if (state === "closed") return void status(answer, 409, "NEB612");
      if (status(answer, 200)) model.pulls.set(number, "closed");
      return;
    }
  }
}

const pick = <T>(from: readonly T[], which: number): T | undefined => from[which % Math.max(from.length, 1)];

const mayAct = (
  { phases }: Model,
  { faithful }: World,
  { act: wanted, database: name }: { act: string; database: Name },
) => phases.get(name) === (wanted === "resume" ? "Paused" : "Ready") || (!faithful && wanted === "pause");

const queued = (answer: Answer, { database: name }: { database: Name }): Operation => ({
  ...shownOperation(answer.body.operation),
  database: name,
  state: "QUEUED",
});

const shownOperation = ({ id, type, database: name, state }: Operation): Operation => ({
  id,
  type,
  database: name,
  state,
});

/** As the reconciler would. */
async function finish(sql: Pool, model: Model, operation: Operation): Promise<void> {
  operation.state = "COMPLETED";
  await updateOperation(sql, operation.id, { state: "COMPLETED", outcome: "applied" });
  const name = databases.find((each) => each === operation.database);
  if (name === undefined || operation.type === "RESTART") return;
  const phase = operation.type === "PAUSE" ? "Paused" : "Ready";
  const seen = await getInstance(sql, `${model.tenant}.store.${name}` as Parameters<typeof getInstance>[1]);
  if (seen === undefined) throw new Error(`${name} has no instance`);
  await setInstancePhase(sql, seen, phase);
  model.phases.set(name, phase);
}

type Status = (answer: Answer, wanted: number, code?: string) => boolean;

/** Every page of a list: together they are the list, without gaps or repeats. */
// biome-ignore lint/suspicious/noExplicitAny: answers are checked against their schemas by the server
async function pages(caller: Caller, path: string, limit: number, status: Status): Promise<any[]> {
  const items = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const separator = path.includes("?") ? "&" : "?";
    const after: string = cursor === "" ? "" : `&cursor=${cursor}`;
    const answer = await caller.get(`${path}${separator}limit=${limit}${after}`);
    if (!status(answer, 200)) return items;
    items.push(...answer.body.items);
    cursor = answer.body.nextCursor;
  }
  return items;
}

/** Requests that fit nowhere: each has one answer, and none of them is a 5xx. */
async function refuses(at: number, { tenant }: Model, { admin }: World, status: Status): Promise<void> {
  const base = `/api/v1/domain/${tenant}/project/store/databases`;
  const all: readonly (() => Promise<unknown>)[] = [
    async () => status(await admin.get(`${base}/nothing`), 404, "NEB602"),
    async () => status(await admin.get(`${base}?limit=0`), 422, "NEB601"),
    async () => status(await admin.get(`/api/v1/operations?cursor=bogus`), 422, "NEB610"),
    async () => status(await admin.send("POST", base, { name: "UPPER" }), 422, "NEB601"),
    async () => status(await admin.send("POST", `${base}/orders/explode`), 404, "NEB619"),
    async () => status(await admin.send("PATCH", `${base}/orders`, { storage: "20Gi" }), 428, "NEB606"),
    async () => status(await admin.send("POST", "/api/v1/keys", "{"), 400, "NEB600"),
    async () => status(await admin.send("DELETE", "/api/v1/keys/x"), 404, "NEB602"),
    async () => status(await admin.get(`/api/v1/domain/${tenant}/project/st%00ore/databases`), 404, "NEB602"),
  ];
  await all[at % all.length]?.();
}

export const specOf = (tenant: string, each: ProjectSpec["databases"]): ProjectSpec => ({
  ...{ tenant, project: "store", placement: "local", region: "local", quota: null, databases: each },
});
