import type { Client } from "../client.ts";
import type { Pull } from "../commands/review-text.ts";
import { CommandFailure } from "../failure.ts";
import { followOperation } from "../follow.ts";
import { say } from "../output.ts";
import type { Change, Operation } from "../types.ts";

/** One step of the demo: what happened, how long it took, and what is worth keeping of it. */
export type StepReport = {
  readonly step: string;
  readonly ms: number;
  readonly data: Readonly<Record<string, unknown>>;
};

export type Recorder = {
  readonly steps: readonly StepReport[];
  /** Runs a step and keeps its time; what it returns as `data` is shown with `-o json`. */
  step<T>(
    title: string,
    body: () => Promise<{ readonly data: Record<string, unknown>; readonly value: T }>,
  ): Promise<T>;
};

export function makeRecorder(): Recorder {
  const steps: StepReport[] = [];
  return {
    steps,
    async step(title, body) {
      say(`\n${steps.length + 1}. ${title}`);
      const started = performance.now();
      const { data, value } = await body();
      const ms = Math.round(performance.now() - started);
      steps.push({ step: title, ms, data });
      say(`   ${ms} ms`);
      return value;
    },
  };
}

/** Waits for the review of a pull request's head and shows each check as it arrives. */
export async function watchChecks(client: Client, number: number, timeoutMs: number): Promise<Pull> {
  const shown = new Map<string, string>();
  for (const deadline = performance.now() + timeoutMs; performance.now() < deadline; await pause(50)) {
    const pull = await client.get<Pull>(`/api/v1/pulls/${number}`);
    for (const { context, state, description } of pull.statuses ?? []) {
      if (state === "pending" || shown.get(context) === state) continue;
      shown.set(context, state);
      say(`   ${state === "success" ? "ok  " : "FAIL"} ${context.padEnd(16)} ${description}`);
    }
    if (pull.verdict !== "pending" && (pull.statuses ?? []).every(({ state }) => state !== "pending")) return pull;
  }
  throw new CommandFailure(`pull request #${number} was not reviewed within ${timeoutMs / 1000} s`, {
    exitCode: 7,
    hint: "`nebula status` shows whether the reconciler runs; its log says more.",
  });
}

export type Merged = { readonly commit: string; readonly operation: Operation | null };

/** Merges what was reviewed and follows its deployment to the end. */
export async function mergeAndFollow(
  client: Client,
  pull: Pull,
  change: Change,
): Promise<Merged & { readonly ended: Operation }> {
  const merged = await client.send<Merged>("POST", `/api/v1/pulls/${pull.number}/merge`, {
    headCommit: pull.headCommit,
  });
  say(`   merged as ${merged.commit.slice(0, 7)}`);
  return { ...merged, ended: await followOperation(client, change.operation.id, 60_000) };
}

/** @param show says more of the review than its checks. */
export async function reviewAndMerge(
  client: Client,
  recorder: Recorder,
  change: Change,
  until: string,
  show: (pull: Pull) => Record<string, unknown> = () => ({}),
): Promise<void> {
  const number = change.pull?.number ?? 0;
  const pull = await recorder.step(`Checks on pull request #${number}`, async () => {
    const value = await watchChecks(client, number, 120_000); // migrations are rehearsed on a copy
    if (value.verdict !== "success")
      throw new CommandFailure(`the review of #${number} ended with ${value.verdict}`, {
        hint: `\`nebula pr show ${number}\` says why; \`nebula pr close ${number}\` closes it.`,
      });
    return { data: { statuses: value.statuses, price: value.review?.price, ...show(value) }, value };
  });
  await recorder.step(`Merge, deploy, ${until}`, async () => {
    const merged = await mergeAndFollow(client, pull, change);
    return { data: { commit: merged.commit, state: merged.ended.state, outcome: merged.ended.outcome }, value: merged };
  });
}

/** Asks for a change that merges by itself, and waits until it is in force. */
export async function change(
  client: Client,
  method: "POST" | "DELETE",
  path: string,
  body: object | undefined,
  match?: string,
): Promise<Change> {
  const asked = await client.send<Change>(method, path, body, match === undefined ? {} : { "if-match": match });
  if (asked.pull !== null) say(`   #${asked.pull.number} ${asked.pull.title}`);
  const { state, error } = await followOperation(client, asked.operation.id, 180_000);
  if (state !== "COMPLETED") throw new CommandFailure(`${asked.step} ended as ${state}: ${error?.detail ?? ""}`);
  return asked;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
