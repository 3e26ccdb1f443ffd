import type { Sql } from "../../sql/index.ts";
import { type User, userColumns } from "../users/user.ts";

/** A commit that the portal wrote for somebody. `Asker` is platform/identity's: the ledger only keeps it. */
export type ProposalRow<Asker = unknown> = {
  readonly repository: string;
  /** The commit. Whoever moves the branch on is not known to be the same person. */
  readonly head: string;
  readonly requestedBy: string;
  readonly principal: Asker;
};

/** Before the pull request is opened, so that no review of it comes too early. */
export async function recordProposal(sql: Sql, proposal: ProposalRow): Promise<void> {
  await sql.query(
    `insert into proposals (repository, head, requested_by, principal) values ($1, $2, $3, $4::jsonb)
     on conflict (repository, head) do nothing`,
    [proposal.repository, proposal.head, proposal.requestedBy, JSON.stringify(proposal.principal)],
  );
}

export const findProposal = <Asker>(
  sql: Sql,
  repository: string,
  head: string,
): Promise<ProposalRow<Asker> | undefined> =>
  sql.maybe<ProposalRow<Asker>>(
    `select repository, head, requested_by as "requestedBy", principal from proposals
     where repository = $1 and head = $2`,
    [repository, head],
  );

/** Whoever signs in here with that account of the Git host; nobody while the account is disabled. */
export const findUserByIdentity = (
  sql: Sql,
  provider: "forge" | "github",
  subject: string,
): Promise<User | undefined> =>
  sql.maybe<User>(
    `select ${userColumns} from users join user_identities i on i.user_id = users.id
     where i.provider = $1 and i.subject = $2 and users.disabled_at is null`,
    [provider, subject],
  );
