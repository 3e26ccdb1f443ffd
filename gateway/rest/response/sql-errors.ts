/** What Postgres refused, as PostgREST says it over HTTP. */
import type { ServerError } from "../../../platform/sql/index.ts";
import { Refusal } from "../refusal.ts";

const byState: Readonly<Record<string, number>> = {
  ...{ "23503": 409, "23505": 409, "25006": 405, "42883": 404, "42P01": 404, "42P17": 500, P0001: 400 },
  // Ours: what a client can bring about by asking for too much is no fault of the server.
  ...{
    "57014": 504,
    "54001": 400,
    "54000": 400,
    "54023": 400,
    "53400": 500,
    "57P01": 503,
    "40001": 409,
    "40P01": 409,
    "55P03": 409,
  },
};

const byClass: Readonly<Record<string, number>> = {
  ...{ "08": 503, "09": 500, "0L": 403, "0P": 403, "25": 500, "28": 403, "2D": 500, "38": 500, "39": 500, "3B": 500 },
  ...{ "40": 500, "53": 503, "54": 500, "55": 500, "57": 500, "58": 500, F0: 500, HV: 500, P0: 500 },
};

/** Where Postgres advises whoever runs the server, and a client reads it. */
const ownHints: Readonly<Record<string, string>> = {
  "54001":
    "What was sent is nested too deeply: send JSON, or a filter, with fewer levels. A function of the database that calls itself has to end sooner.",
};

export function refusalOf(error: ServerError, isAnonymous: boolean): Refusal {
  const { code, message, detail, hint } = error;
  const raised = code === "PGRST" ? raisedAnswer(message, detail) : undefined;
  if (raised !== undefined) return raised;
  const status = statusOf(error, isAnonymous);
  return new Refusal(status, code, message, {
    details: detail,
    hint: ownHints[code] ?? hint,
    headers: status === 401 ? { "www-authenticate": "Bearer" } : {},
  });
}

function statusOf({ code }: ServerError, isAnonymous: boolean): number {
  if (code === "42501") return isAnonymous ? 401 : 403;
  const custom = /^PT([1-5]\d\d)$/.exec(code)?.[1];
  if (custom !== undefined && Number(custom) >= 200) return Number(custom);
  return byState[code] ?? byClass[code.slice(0, 2)] ?? 400;
}

/** `raise sqlstate 'PGRST' using message = '{"code": ..., "message": ...}', detail = '{"status": 402, "headers": {}}'` */
function raisedAnswer(message: string, detail: string | null): Refusal | undefined {
  try {
    const said = JSON.parse(message) as Record<string, unknown>;
    const how = JSON.parse(detail ?? "{}") as { status?: unknown; headers?: unknown };
    const status = Number(how.status);
    if (!Number.isInteger(status) || status < 200 || status > 599) return undefined;
    return new Refusal(status, String(said.code ?? ""), String(said.message ?? ""), {
      details: said.details ?? null,
      hint: said.hint === undefined || said.hint === null ? null : String(said.hint),
      headers: headersOf(how.headers),
    });
  } catch {
    return undefined;
  }
}

const headersOf = (headers: unknown): Record<string, string> =>
  typeof headers === "object" && headers !== null
    ? Object.fromEntries(
        Object.entries(headers)
          .map(([name, value]) => [name.toLowerCase(), String(value)])
          .filter(isHeader),
      )
    : {};

/** What HTTP lets a header be. */
export const isHeader = ([name, value]: readonly string[]): boolean =>
  /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name ?? "") && !/[^\t\x20-\x7e\x80-\xff]/.test(value ?? "");
