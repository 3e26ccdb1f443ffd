/**
 * A connection for one request, or one cursor, and for nobody else.
 *
 * 1. It is new and is closed afterwards: nothing that somebody left in a session is ever met by anybody.
 * 2. It logs in as a role that has no more than its level, so `reset role` gives nothing: a reader is a member of the readers; a writer has
 *    nothing of its own and becomes the owner.
 * 3. While it stands nobody suspends its database.
 */
import { readGate, readServiceKey, sqlLogins } from "../../platform/compute/index.ts";
import { asNebulaError, type Clock, type Secret, systemClock } from "../../platform/core/index.ts";
import {
  authenticationRefused,
  connectionUrl,
  connectOnce,
  openStatementSession,
  type StatementSession,
  socketAddress,
} from "../../platform/sql/index.ts";
import { type Entered, enterAndOpen, expiryOf, type Keeper, unreachedOr } from "../keeper/index.ts";
import { sqlBadRequest, sqlLoginMissing } from "./errors.ts";
import type { SqlCaller, SqlRequest } from "./types.ts";

export type Connected = {
  readonly session: StatementSession;
  readonly wokeMs: number | null;
  /** Ends its backend from outside, when it does not listen to a cancel. */
  kill(): Promise<void>;
  close(): Promise<void>;
};

export type Connect = (
  caller: Pick<SqlCaller, "database">,
  level: SqlCaller["level"],
  request: Pick<SqlRequest, "timeoutMs" | "timeZone">,
  onNotice: Parameters<typeof openStatementSession>[0]["onNotice"],
) => Promise<Connected>;

const applicationName = "nebuladb sql";
/** A single value can be large; more than this of one portion is not taken into our memory. */
const hardBytes = 64 * 1024 * 1024;

type ConnectOptions = { readonly dataDir: string; readonly keeper: Pick<Keeper, "enter">; readonly clock?: Clock };

export function makeConnect({ dataDir, keeper, clock = systemClock }: ConnectOptions): Connect {
  return async ({ database: id }, level, request, onNotice) => {
    const role = sqlLogins[level];
    const [gate, password] = await Promise.all([readGate(dataDir, id), readServiceKey(dataDir, id, role)]);
    if (gate === undefined || password === undefined) throw sqlLoginMissing(`${id} has no ${role}.key`);
    const expired = expiryOf(gate, clock.now());
    if (expired !== undefined) throw expired;
    let wokeMs: number | null = null;
    const enter = async () => {
      const beganMs = performance.now();
      const entered = await keeper.enter(id, "api");
      wokeMs = entered.wake === null ? null : performance.now() - beganMs;
      return entered;
    };
    const open = async ({ socketPath }: Pick<Entered, "socketPath">) => {
      const url = urlOf(socketPath, role, password, gate.databaseName);
      const session = await openStatementSession({ url, applicationName, hardBytes, onNotice }).catch((thrown) => {
        if (asNebulaError(thrown).code !== authenticationRefused.definition.code) throw thrown;
        throw sqlLoginMissing(`${role} of ${id} has another password than ours: somebody changed it by hand`, {
          cause: thrown,
        });
      });
      return { url, session };
    };
    const { opened, leave } = await enterAndOpen(enter, open);
    const { url, session } = opened;
    const close = async () => {
      await session.close();
      leave();
    };
    try {
      await settle(session, level === "write" ? gate.ownerRole : null, request);
    } catch (thrown) {
      await close();
      throw unreachedOr(thrown);
    }
    const kill = async () => {
      await connectOnce(url, (sql) => sql.query("select pg_terminate_backend($1)", [session.pid]), {
        applicationName,
      });
    };
    return { session, wokeMs, close, kill: () => kill().catch(() => undefined) };
  };
}

function urlOf(socketPath: string, user: string, password: Secret, database: string): Secret {
  return connectionUrl({ ...socketAddress(socketPath), user, password, database });
}

/** Said by us and for this session, so that nothing that a role or a database was given before decides how an answer reads. */
async function settle(
  session: StatementSession,
  owner: string | null,
  { timeoutMs, timeZone }: Pick<SqlRequest, "timeoutMs" | "timeZone">,
) {
  const settings: Record<string, string> = {
    datestyle: "ISO",
    intervalstyle: "postgres",
    bytea_output: "hex",
    extra_float_digits: "1",
    client_min_messages: "notice",
    statement_timeout: String(timeoutMs),
    idle_in_transaction_session_timeout: "120000",
    client_connection_check_interval: "1000",
    ...(timeZone === null ? {} : { timezone: timeZone }),
    ...(owner === null ? { default_transaction_read_only: "on" } : { role: owner }),
  };
  const entries = Object.entries(settings);
  const text = `select ${entries.map((_, i) => `pg_catalog.set_config($${2 * i + 1}, $${2 * i + 2}, false)`).join(", ")}`;
  const end = await session.run({ text, values: entries.flat(), maxRows: 1, maxBytes: 10_000 });
  if (end.kind === "done") return;
  if (end.error.code === "22023" && timeZone !== null) throw sqlBadRequest(`timeZone: ${end.error.message}`);
  throw sqlLoginMissing(`the session could not be set up: ${end.error.message}`);
}
