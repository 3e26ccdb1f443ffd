import type { Secret } from "../core/index.ts";
import { clientKeyOf, saltedAlike, verifies } from "../sql/index.ts";
import { type Gate, type GateRole, previousOf, readGateOf, sealClientKey, writeGate } from "./gate.ts";
import { keepAdminKey } from "./kept-key.ts";
import type { Manifest } from "./manifest.ts";
import type { Place } from "./paths.ts";
import { findPostmaster } from "./postmaster.ts";
import { type Context, doorOf } from "./running.ts";
import { asAdmin, observeDatabase } from "./sync.ts";
import type { InstanceWanted } from "./types.ts";

type Verifiers = Readonly<Record<string, string>>;

/** Writes the gate of an instance whose server has just taken these verifiers. */
export async function writeGateFor(
  { now, overlapSeconds }: Context,
  place: Place,
  wanted: InstanceWanted,
  verifiers: Verifiers,
): Promise<void> {
  const before = await readGateOf(place);
  const nowMs = now();
  const untilMs = nowMs + overlapSeconds * 1000;
  const roles: [string, GateRole][] = [];
  for (const [role, verifier] of Object.entries(verifiers).sort())
    roles.push([role, await roleOf(wanted, { role, verifier, before: before?.roles[role], nowMs, untilMs })]);
  await writeGate(place, { ...gateOf(wanted), roles: Object.fromEntries(roles) });
}

export type GateSettings = Pick<Gate, "suspendAfterSeconds" | "limits">;

/** The gate of an instance that a release without gates made; its server is asked for the verifiers. Nothing when it is not awake. */
export async function makeGate(
  context: Context,
  place: Place,
  manifest: Manifest,
  settings: GateSettings,
): Promise<void> {
  const running = await findPostmaster(place.pgdata);
  if (running?.ready !== true || running.frozen) return;
  const seen = await asAdmin(doorOf(context, place, manifest, running), manifest.databaseName, (sql) =>
    observeDatabase(sql, manifest.ownerRole),
  );
  const own = [manifest.ownerRole, ...manifest.managed.roles];
  const logins = seen.roles.filter(({ name, login }) => login && own.includes(name));
  const roles = logins.flatMap(({ name, verifier }) => (verifier === null ? [] : [[name, { verifier }] as const]));
  await keepAdminKey(context, place, manifest.id);
  await writeGate(place, { ...gateOf({ ...manifest, ...settings }), roles: Object.fromEntries(roles) });
}

const gateOf = (of: Omit<Gate, "format" | "roles">): Omit<Gate, "roles"> => ({
  format: 1,
  id: of.id,
  databaseName: of.databaseName,
  ownerRole: of.ownerRole,
  allowFrom: of.allowFrom,
  suspendAfterSeconds: of.suspendAfterSeconds,
  units: of.units,
  limits: of.limits,
  ...((of.replicas ?? 0) > 0 ? { replicas: of.replicas } : {}),
  ...(of.expiresAt === undefined ? {} : { expiresAt: of.expiresAt }),
  ...(of.api === undefined ? {} : { api: of.api }),
  ...(of.buckets === undefined ? {} : { buckets: of.buckets }),
});

type Change = {
  readonly role: string;
  readonly verifier: string;
  readonly before: GateRole | undefined;
  readonly nowMs: number;
  readonly untilMs: number;
};

async function roleOf(wanted: InstanceWanted, { role, verifier, before, nowMs, untilMs }: Change): Promise<GateRole> {
  if (before?.verifier === verifier) {
    const previous = previousOf(before, nowMs);
    return previous === undefined ? { verifier } : { verifier, previous };
  }
  const [old, fresh] = [wanted.outgoing?.get(role), passwordOf(wanted, role)];
  if (before === undefined || old === undefined || fresh === null || !(await verifies(before.verifier, old)))
    return { verifier };
  // Salted as the new one: the gateway sends its one challenge before it can know which password the client has.
  const oldVerifier = await saltedAlike(verifier, old);
  const [oldKey, freshKey] = [await clientKeyOf(verifier, old), await clientKeyOf(verifier, fresh)];
  if (oldVerifier === undefined || oldKey === undefined || freshKey === undefined) return { verifier };
  const sealedClientKey = sealClientKey(freshKey, oldKey, { id: wanted.id, role });
  return {
    verifier,
    previous: { verifier: oldVerifier, until: new Date(untilMs).toISOString(), sealedClientKey },
  };
}

const passwordOf = ({ ownerRole, ownerPassword, roles }: InstanceWanted, name: string): Secret | null =>
  name === ownerRole ? ownerPassword : (roles.find((role) => role.name === name)?.password ?? null);
