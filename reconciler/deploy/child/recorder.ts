import { holdSpan, inSpan, type ProblemDocument } from "../../../platform/core/index.ts";
import { type Effects, foreignStack, idOf } from "../../../platform/provider/index.ts";
import { type Progress, toWireProblem } from "../messages.ts";

export type Recorded = { readonly faults: readonly ProblemDocument[]; readonly providerMs: number };

/**
 * Stands between the provider's server and the effects of the running job: says what happens, keeps what failed as it was
 * thrown (Pulumi would hand it back as text), and measures. Without a job every effect is refused.
 */
export type Recorder = {
  readonly effects: () => Effects;
  begin(effects: Effects): void;
  end(): Recorded;
};

const unheld = holdSpan();

const idle = (): never => {
  throw foreignStack("no operation runs in this worker");
};

export function makeRecorder(say: (progress: Progress) => void): Recorder {
  const refusing: Effects = { admit: idle, ensure: idle, read: idle, remove: idle };
  let current = refusing;
  // The engine calls from outside: what it has done belongs to the run that it is in the middle of.
  let inRun = unheld;
  let faults: ProblemDocument[] = [];
  let busy = { count: 0, since: 0, totalMs: 0 };

  const record = async <T>(
    verb: string,
    id: string,
    body: () => Promise<T>,
    data: (value: T) => object,
  ): Promise<T> => {
    const began = performance.now();
    if (busy.count++ === 0) busy.since = began;
    if (verb !== "read") say({ phase: "provider", message: `${verb} ${id}`, data: { verb, database: id } });
    try {
      const facts = { "nebula.database": id, "nebula.verb": verb };
      const value = await inRun(() => inSpan({ name: `provider ${verb}`, kind: "server", facts }, body));
      const durationMs = Math.round(performance.now() - began);
      if (verb !== "read")
        say({ phase: "ready", message: `${id} ready`, data: { database: id, durationMs, ...data(value) } });
      return value;
    } catch (thrown) {
      faults.push({ ...toWireProblem(thrown), database: id });
      throw thrown;
    } finally {
      if (--busy.count === 0) busy.totalMs += performance.now() - busy.since;
    }
  };

  const recorded: Effects = {
    admit: async (id, extensions) => {
      await current.admit(id, extensions).catch((thrown) => {
        faults.push({ ...toWireProblem(thrown), database: id });
        throw thrown;
      });
    },
    ensure: (inputs, verb) =>
      record(
        verb,
        idOf(inputs),
        () => current.ensure(inputs, verb),
        () => ({}),
      ),
    read: (id) =>
      record(
        "read",
        id,
        () => current.read(id),
        () => ({}),
      ),
    remove: (id) =>
      record(
        "delete",
        id,
        () => current.remove(id),
        () => ({}),
      ),
  };

  return {
    effects: () => recorded,
    begin(effects) {
      current = effects;
      inRun = holdSpan();
      faults = [];
      busy = { count: 0, since: 0, totalMs: 0 };
    },
    end() {
      current = refusing;
      inRun = unheld;
      return { faults, providerMs: busy.totalMs };
    },
  };
}
