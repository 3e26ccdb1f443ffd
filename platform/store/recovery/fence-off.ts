import type { Sql } from "../../sql/index.ts";
import { enqueueOperation } from "../operations/index.ts";

export type FencedOff = {
  readonly fenceFloor: number;
  readonly leasesCleared: number;
  readonly sessionsEnded: number;
  readonly tokensVoided: number;
  /** Deployments that wait again. */
  readonly requeued: number;
  /** Direct operations (pause, rotate, ...) that may have been done already: never repeated by themselves. */
  readonly cancelled: number;
  /** Projects whose machines are looked at and brought in line after the start. */
  readonly redeployed: number;
};

/**
 * What a ledger that was put back must forget before anybody works with it, in one transaction of its owner's.
 *
 * 1. Every fence goes above anything that was handed out before, also of stacks that this ledger does not know: the floor is the
 *    time in milliseconds, and no stack was ever deployed a thousand times a second.
 * 2. Whoever was signed in signs in again: a refresh token that was exchanged after the moment of the backup would be good again.
 * 3. One-time tokens, half-done sign-ins and letters that wait are dead: they may have been used.
 * 4. The audit says so. The line waits with those of the first release: here are no keys to sign with, the next start has them.
 * 5. What runs is brought in line by deploying every project once more; deployments change nothing that is as declared.
 */
export const fenceOff = (
  owner: Sql,
  recovery: {
    readonly kind: "restore" | "rebuild";
    readonly recoveredTo: Date | null;
    /** Who did it: a login of the machine, which NebulaDB knows nothing else of. */
    readonly by: string;
    readonly details: Readonly<Record<string, unknown>>;
  },
): Promise<FencedOff> =>
  owner.tx(async (tx) => {
    // The guards ask for the fence of a holder; here there is none.
    await tx.query("set local session_replication_role = replica");
    const { fenceFloor } = await tx.one<{ fenceFloor: number }>(
      `insert into recoveries (kind, recovered_to, fence_floor, details)
       values ($1, $2, greatest((extract(epoch from clock_timestamp()) * 1000)::bigint,
         (select coalesce(max(fence), 0) + 1 from stacks), (select coalesce(max(fence), 0) + 1 from singleton_leases)), $3::jsonb)
       returning fence_floor as "fenceFloor"`,
      [recovery.kind, recovery.recoveredTo, JSON.stringify(recovery.details)],
    );
    await tx.query(
      `insert into audit_before (at, actor, action, resource, details, result)
       values (clock_timestamp(), $1, $2, 'platform', $3::jsonb, 'accepted')`,
      [
        recovery.by,
        `platform.${recovery.kind}`,
        JSON.stringify({ ...recovery.details, recoveredTo: recovery.recoveredTo, fenceFloor }),
      ],
    );
    const count = async (text: string, parameters: readonly unknown[] = []) =>
      (
        await tx.one<{ n: number }>(
          `with done as (${text} returning 1) select count(*)::int as n from done`,
          parameters,
        )
      ).n;
    const requeued = await count(
      `update operations set state = 'QUEUED', fence = null, attempt = 0, run_after = clock_timestamp()
       where state in ('QUEUED', 'IN_PROGRESS') and type = 'DEPLOY' and requested_by not like 'ci:%'`,
    );
    const cancelled = await count(
      `update operations set state = 'CANCELLED', outcome = 'cancelled', finished_at = clock_timestamp()
       where state in ('QUEUED', 'IN_PROGRESS') and type <> 'PULL_REQUEST' and not (type = 'DEPLOY' and requested_by not like 'ci:%')`,
    );
    const { held } = await tx.one<{ held: number }>(
      "select count(*)::int as held from stacks where operation is not null",
    );
    await tx.query("update stacks set fence = $1, holder = null, operation = null, lease_until = null", [fenceFloor]);
    const singletons = await count(
      "update singleton_leases set fence = $1, holder = null, lease_until = null where holder is not null",
      [fenceFloor],
    );
    await tx.query("update singleton_leases set fence = $1", [fenceFloor]);
    await tx.query("delete from replicas");
    const sessionsEnded = await count(
      "update sessions set ended_at = clock_timestamp(), ended_reason = 'restored' where ended_at is null",
    );
    await tx.query("update refresh_tokens set used_at = clock_timestamp() where used_at is null");
    const voided = await count("update email_tokens set used_at = clock_timestamp() where used_at is null");
    const challenges = await count("update sign_in_challenges set used_at = clock_timestamp() where used_at is null");
    await tx.query("delete from mail_jobs");
    await tx.query(
      "update totp_factors set last_step = greatest(last_step, floor(extract(epoch from clock_timestamp()) / 30)::bigint)",
    );
    await tx.query("delete from idempotency_keys where status is null");
    await tx.query(
      `update effects set state = 'FAILED', ended_at = clock_timestamp(),
         error = '{"title": "The platform was restored", "detail": "Run pulumi up again.", "status": 409, "code": "NEB300"}'
       where state = 'QUEUED'`,
    );
    await tx.query("set local session_replication_role = origin");
    const stacks = await tx.query<{ stack: string; commit: string }>(
      "select stack, wanted_commit as commit from projects where wanted_spec is not null and applied_hash is not null order by stack",
    );
    for (const { stack, commit } of stacks)
      await enqueueOperation(tx, {
        ...{ stack, commit, type: "DEPLOY", requestedBy: recovery.kind },
        params: { refresh: true, heal: true },
      });
    return {
      ...{ fenceFloor, sessionsEnded, requeued, cancelled },
      leasesCleared: held + singletons,
      tokensVoided: voided + challenges,
      redeployed: stacks.length,
    };
  });
