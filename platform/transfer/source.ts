import { type Address, NebulaError, resolveSafely, Secret, type UrlPolicy, urlRefused } from "../core/index.ts";
import { importImpossible } from "./errors.ts";

export const sslModes = ["disable", "prefer", "require", "verify-full"] as const;
export type SslMode = (typeof sslModes)[number];

/** A running Postgres as its URL says it. */
export type Source = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: Secret | undefined;
  readonly database: string;
  readonly sslMode: SslMode;
};

/** @throws NEB697 saying what is wrong, never what the URL was: it holds a password. */
export function parseSource(url: Secret): Source {
  const text = url.reveal().trim();
  const refuse = (why: string) =>
    importImpossible(why, { hint: 'Write "postgres://user:password@host:5432/database".' });
  if (/^--|^\s*(create|insert|set|copy)\b/i.test(text) || /\.(sql|dump|gz)$/i.test(text))
    throw refuse("a file or a text of SQL is not imported: only a running Postgres is");
  const parsed = URL.parse(text);
  if (parsed === null || !/^postgres(ql)?:$/.test(parsed.protocol))
    throw refuse("it is no address of a Postgres server");
  const user = decodeURIComponent(parsed.username);
  const database = decodeURIComponent(parsed.pathname.slice(1));
  if (parsed.hostname === "" || user === "" || database === "")
    throw refuse("it must name a host, a user and a database");
  for (const name of parsed.searchParams.keys())
    if (!["sslmode", "application_name", "connect_timeout", "channel_binding", "target_session_attrs"].includes(name))
      throw refuse(`its parameter ${name} is not understood`);
  return {
    host: decodeURIComponent(parsed.hostname).replace(/^\[(.*)\]$/, "$1"),
    port: parsed.port === "" ? 5432 : Number(parsed.port),
    user,
    password: parsed.password === "" ? undefined : new Secret(decodeURIComponent(parsed.password)),
    database,
    sslMode: sslModeOf(parsed.searchParams.get("sslmode"), refuse),
  };
}

function sslModeOf(asked: string | null, refuse: (why: string) => Error): SslMode {
  const mode = asked === "verify-ca" ? "verify-full" : asked === "allow" ? "prefer" : (asked ?? "prefer");
  const known = sslModes.find((one) => one === mode);
  if (known === undefined) throw refuse(`its sslmode is none of ${sslModes.join(", ")}`);
  return known;
}

/** Where the source is reached now. @throws NEB688 when that is inside and the operator has not allowed it. */
export async function addressOf({ host, port }: Source, policy: UrlPolicy): Promise<Address> {
  const bracketed = host.includes(":") ? `[${host}]` : host;
  const url = new URL(`https://${bracketed}:${port}/`);
  if (url.port === "") url.port = String(port);
  const [first] = await resolveSafely(url, policy).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === "ENOTFOUND" || thrown.code === "EAI_AGAIN")
      throw importImpossible(`${host} is no known host`, { cause: thrown });
    throw thrown instanceof NebulaError && thrown.code === urlRefused.definition.code
      ? refused(`${bracketed}:${port}`, thrown)
      : thrown;
  });
  if (first === undefined) throw importImpossible(`${host} has no address`);
  return first;
}

/** The guard judges addresses of the web; this one is a Postgres's, and what lets it in is another setting. */
const refused = (at: string, cause: NebulaError) =>
  urlRefused(`the Postgres at ${at} is refused: it lies on this machine or in a private network`, {
    cause,
    hint: `The operator allows it by NEBULA_PRIVATE_HOSTS=${at} (more than one by commas), and starts the platform anew. From elsewhere, name an address that the internet reaches.`,
  });
