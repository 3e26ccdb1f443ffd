import { expect, test } from "vitest";
import type { DatabaseSpec, ProjectSpec } from "../../platform/spec/index.ts";
import { emptyCheckpoint, readFacts, withoutManager, withoutPending } from "./checkpoint.ts";
import { runningSpec } from "./decide.ts";
import type { PulumiOutcome } from "./messages.ts";
import { endingOf } from "./outcome.ts";

const database = (name: string, retire = false) => ({ name, retire }) as DatabaseSpec;
const spec = (...databases: DatabaseSpec[]) => ({ tenant: "t", project: "p", databases }) as unknown as ProjectSpec;
const instance = (name: string, phase: "Ready" | "Creating" | "Removed" | "Retired", retire = false) => ({
  ...{ database: name, phase },
  spec: database(name, retire),
});

test("what runs is what was applied, corrected by what the provider did since", () => {
  const applied = spec(database("kept"), database("gone"), database("stopped"), database("unseen"));
  const running = runningSpec(applied, spec(), [
    instance("kept", "Ready"),
    instance("gone", "Removed"),
    instance("stopped", "Retired", true),
    instance("half", "Creating"),
    instance("elsewhere", "Ready"),
  ]);
  expect(running?.databases.map(({ name, retire }) => [name, retire])).toEqual([
    ["elsewhere", false],
    ["kept", false],
    ["stopped", true],
    ["unseen", false],
  ]);
});

test("nothing was ever deployed where there is neither a spec nor an instance", () => {
  expect(runningSpec(null, spec(database("new")), [instance("new", "Creating")])).toBeNull();
});

test("a checkpoint loses what is pending and nothing else", () => {
  const latest = { manifest: { time: "now" }, resources: [{ urn: "a" }], metadata: {} };
  const providers = { type: "passphrase", state: { salt: "v1:x" } };
  const text = (more: object) =>
    JSON.stringify({
      version: 3,
      checkpoint: { stack: "s", latest: { ...latest, secrets_providers: providers, ...more } },
    });
  const broken = text({ pending_operations: [{ type: "creating", resource: { urn: "urn:x::y::orders" } }] });
  expect(readFacts(broken)).toEqual({ salt: null, pending: ["creating orders"] });
  const sealed = text({
    resources: [{ outputs: { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" } }],
  });
  expect(readFacts(sealed).salt).toBe("v1:x");
  expect(withoutManager(sealed)).toBe(sealed);
  expect(JSON.parse(withoutManager(text({}))).checkpoint.latest).toEqual(latest);
  expect(JSON.parse(withoutPending(broken))).toEqual(JSON.parse(text({})));
  expect(readFacts(withoutPending(broken)).pending).toEqual([]);
  expect(readFacts(emptyCheckpoint("t.p"))).toEqual({ salt: null, pending: [] });
  expect(withoutPending(emptyCheckpoint("t.p"))).toBe(emptyCheckpoint("t.p"));
  expect(() => readFacts("not json")).toThrow(expect.objectContaining({ code: "NEB305" }));
});

const outcome = (more: Partial<PulumiOutcome>): PulumiOutcome => ({
  ...{ ok: false, resourceChanges: {}, steps: [], faults: [], diagnostics: [], text: "" },
  phases: { startMs: 1, engineMs: 1, providerMs: 1, finishMs: 1 },
  ...more,
});
const ending = (more: Partial<PulumiOutcome>) => endingOf({ kind: "pulumi", outcome: outcome(more) }, "op_1", {});
const fault = (code: string, retry: boolean) =>
  ({ ...{ type: "", title: "", status: 500, detail: code, code, hint: "" }, retry }) as const;

test("an ending follows from the summary, and from whether trying again can help", () => {
  expect(ending({ ok: true, resourceChanges: { same: 3 } })).toMatchObject({ kind: "completed", outcome: "unchanged" });
  expect(ending({ ok: true, resourceChanges: { same: 2, update: 1 } })).toMatchObject({ outcome: "applied" });
  expect(ending({ diagnostics: ["connection reset"] })).toMatchObject({ kind: "retry", error: { code: "NEB301" } });
  expect(ending({ faults: [fault("NEB341", true)] })).toMatchObject({ kind: "retry", error: { code: "NEB341" } });
  expect(ending({ faults: [fault("NEB341", true), fault("NEB323", false)] })).toMatchObject({
    ...{ kind: "failed", outcome: "stalled", error: { code: "NEB323", instance: "op_1" } },
  });
});
