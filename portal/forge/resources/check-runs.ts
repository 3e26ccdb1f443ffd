import { z } from "zod";
import type { Sql } from "../../../platform/sql/index.ts";
import { now } from "../context.ts";
import { type ForgeEvent, withEvents } from "../events/emit.ts";
import { pageAnswer, pageOf } from "../http/page.ts";
import { forbidden, invalid, notFound, unprocessable } from "../http/refusal.ts";
import { idParam, parseBody, type RepositoryCall, repositoryRoute } from "../http/route.ts";
import {
  addAnnotations,
  type CheckRun,
  ensureSuite,
  findCheckRun,
  insertCheckRun,
  listAnnotations,
  listCheckRuns,
  updateCheckRun,
} from "../store/check-runs.ts";
import { pullsByHead } from "../store/pulls.ts";
import { annotationToWire, checkRunToWire, readCheckRunParts } from "../wire/check-run.ts";
import { theCommit } from "./statuses.ts";

/** Check runs are written by Apps only, as on GitHub; anybody who may read the repository's checks reads them. */
const conclusions = ["success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"] as const;
const at = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

const annotation = z
  .object({
    path: z.string().min(1),
    start_line: z.number().int().min(0),
    end_line: z.number().int().min(0),
    start_column: z.number().int().nullish(),
    end_column: z.number().int().nullish(),
    annotation_level: z.enum(["notice", "warning", "failure"]),
    message: z.string().min(1).max(65536),
    title: z.string().max(255).nullish(),
    raw_details: z.string().max(65536).nullish(),
  })
  .refine((one) => one.end_line >= one.start_line, "end_line is before start_line")
  .refine((one) => one.start_column == null || one.start_line === one.end_line, "columns need a single line");

const output = z.object({
  title: z.string().max(255).nullish(),
  summary: z.string().max(65535).nullish(),
  text: z.string().max(65535).nullish(),
  annotations: z.array(annotation).max(50, "No more than 50 annotations a request").default([]),
});

const fields = z.object({
  name: z.string().min(1).max(255),
  details_url: z.url().nullish(),
  external_id: z.string().max(255).nullish(),
  status: z.enum(["queued", "in_progress", "completed"]).optional(),
  started_at: at.optional(),
  conclusion: z.enum(conclusions).optional(),
  completed_at: at.optional(),
  output: output.optional(),
});
const newRun = fields.extend({ head_sha: z.string() });

export const checkRunRoutes = [
  repositoryRoute("POST", "/check-runs", ["checks:write"], create),
  repositoryRoute("PATCH", "/check-runs/:id", ["checks:write"], update),
  repositoryRoute("GET", "/check-runs/:id", ["checks:read"], async (call) => ({
    body: await toWire(call, await theRun(call)),
  })),
  repositoryRoute("GET", "/check-runs/:id/annotations", ["checks:read"], async (call) => {
    const run = await theRun(call);
    const page = pageOf(call);
    const { annotations, total } = await listAnnotations(call.context.sql, run.id, page.size, page.offset);
    return pageAnswer(
      annotations.map((one) => annotationToWire(call, run, one)),
      page,
      total,
    );
  }),
  repositoryRoute("GET", "/commits/*ref/check-runs", ["checks:read"], async (call) => {
    const page = pageOf(call);
    const runs = await listCheckRuns(call.context.sql, call.repository.id, await theCommit(call), {
      latestOnly: call.query.get("filter") !== "all",
      name: call.query.get("check_name"),
      status: call.query.get("status"),
      app: Number(call.query.get("app_id")) || null,
    });
    const shown = runs.slice(page.offset, page.offset + page.size);
    const check_runs = await Promise.all(shown.map((run) => toWire(call, run)));
    return pageAnswer({ total_count: runs.length, check_runs }, page, runs.length);
  }),
];

function theApp(call: RepositoryCall): number {
  const app = call.caller.appId();
  if (app === null) throw forbidden("You must authenticate via a GitHub App.");
  return app;
}

async function theRun(call: RepositoryCall): Promise<CheckRun> {
  const run = await findCheckRun(call.context.sql, call.repository.id, idParam(call, "id"));
  if (run === undefined) throw notFound();
  return run;
}

async function create(call: RepositoryCall) {
  const { context, repository } = call;
  const app = theApp(call);
  const body = parseBody(call, "CheckRun", newRun);
  if (!/^[0-9a-f]{40}$/.test(body.head_sha) || (await call.git.typeOf(body.head_sha)) !== "commit")
    throw unprocessable(`No commit found for SHA: ${body.head_sha}`);
  const run = await withEvents(context, async (sql, emit) => {
    const suite = await ensureSuite(sql, repository.id, app, body.head_sha, now(context));
    const saved = await insertCheckRun(sql, {
      ...{ suite, app, repository: repository.id, headSha: body.head_sha, name: body.name },
      ...{ externalId: body.external_id ?? null, detailsUrl: body.details_url ?? null },
      ...progressOf(call, body, { startedAt: body.started_at ?? now(context) }),
      ...outputOf(body.output),
    });
    await addAnnotations(sql, saved.id, body.output?.annotations ?? []);
    await emit(runEvent(call, saved, "created"));
    if (saved.status === "completed") await emit(runEvent(call, saved, "completed"));
    return saved;
  });
  return { status: 201, body: await toWire(call, run) };
}

async function update(call: RepositoryCall) {
  const { context } = call;
  const body = parseBody(call, "CheckRun", fields.partial());
  const run = await theRun(call);
  if (run.app !== theApp(call)) throw forbidden("Invalid app_id: the check run belongs to another app.");
  const updated = await withEvents(context, async (sql, emit) => {
    const saved = await updateCheckRun(sql, run.id, {
      ...run,
      ...(body.name === undefined ? {} : { name: body.name }),
      ...(body.external_id === undefined ? {} : { externalId: body.external_id }),
      ...(body.details_url === undefined ? {} : { detailsUrl: body.details_url }),
      ...progressOf(call, body, {
        status: run.status,
        conclusion: run.conclusion,
        startedAt: body.started_at ?? run.startedAt,
        completedAt: run.completedAt,
      }),
      ...(body.output === undefined ? {} : outputOf(body.output)),
    });
    await addAnnotations(sql, run.id, body.output?.annotations ?? []);
    if (saved.status === "completed" && run.status !== "completed") await emit(runEvent(call, saved, "completed"));
    return saved;
  });
  return { body: await toWire(call, updated) };
}

type Wanted = { readonly [K in "status" | "conclusion" | "completed_at"]?: z.infer<typeof fields>[K] | undefined };
type Progress = Pick<CheckRun, "status" | "conclusion" | "startedAt" | "completedAt">;

/** A conclusion completes; completing needs a conclusion. */
function progressOf(call: RepositoryCall, body: Wanted, before: Partial<Progress>): Progress {
  const completes = body.conclusion !== undefined || body.status === "completed";
  const status = completes ? "completed" : (body.status ?? before.status ?? "queued");
  const conclusion = status === "completed" ? (body.conclusion ?? before.conclusion ?? null) : null;
  if (status === "completed" && conclusion === null) throw invalid("CheckRun", "conclusion", "missing_field");
  const completedAt = status === "completed" ? (body.completed_at ?? before.completedAt ?? now(call.context)) : null;
  return { status, conclusion, startedAt: before.startedAt ?? null, completedAt };
}

const outputOf = (given: z.infer<typeof output> | undefined) => ({
  title: given?.title ?? null,
  summary: given?.summary ?? null,
  text: given?.text ?? null,
});

async function toWire(call: RepositoryCall, run: CheckRun, sql: Sql = call.context.sql) {
  const pulls = await pullsByHead(sql, call.repository.id, run.headSha);
  return checkRunToWire(call, run, await readCheckRunParts(sql, run), pulls);
}

function runEvent(call: RepositoryCall, run: CheckRun, action: "created" | "completed"): ForgeEvent {
  const { repository, caller } = call;
  const build = async (sql: Sql) => ({ check_run: await toWire(call, run, sql) });
  return { name: "check_run", action, repository, sender: caller.account(), build };
}
