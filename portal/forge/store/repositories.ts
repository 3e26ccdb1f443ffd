import type { Sql } from "../../../platform/sql/index.ts";
import type { Account } from "./accounts.ts";

export type Repository = {
  readonly id: number;
  readonly owner: Account;
  readonly name: string;
  readonly description: string | null;
  readonly private: boolean;
  readonly defaultBranch: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly pushedAt: Date;
  readonly openPulls: number;
};

const select = `select r.id, r.name, r.description, r.private, r.default_branch as "defaultBranch",
  r.created_at as "createdAt", r.updated_at as "updatedAt", r.pushed_at as "pushedAt",
  (select count(*) from pulls p where p.repository = r.id and p.state = 'open') as "openPulls",
  o.id as "ownerId", o.login, o.type, o.name as "ownerName", o.email, o.created_at as "ownerCreatedAt",
  o.updated_at as "ownerUpdatedAt"
  from repositories r join accounts o on o.id = r.owner`;

type Row = Omit<Repository, "owner"> & {
  readonly ownerId: number;
  readonly login: string;
  readonly type: Account["type"];
  readonly ownerName: string | null;
  readonly email: string;
  readonly ownerCreatedAt: Date;
  readonly ownerUpdatedAt: Date;
};

function fromRow({ ownerId, login, type, ownerName, email, ownerCreatedAt, ownerUpdatedAt, ...rest }: Row): Repository {
  const owner = {
    id: ownerId,
    login,
    type,
    name: ownerName,
    email,
    createdAt: ownerCreatedAt,
    updatedAt: ownerUpdatedAt,
  };
  return { ...rest, owner };
}

export async function findRepository(sql: Sql, owner: string, name: string): Promise<Repository | undefined> {
  const row = await sql.maybe<Row>(`${select} where lower(o.login) = lower($1) and lower(r.name) = lower($2)`, [
    owner,
    name,
  ]);
  return row === undefined ? undefined : fromRow(row);
}

export async function readRepository(sql: Sql, id: number): Promise<Repository> {
  return fromRow(await sql.one<Row>(`${select} where r.id = $1`, [id]));
}

/** Of one owner, by name; null ids are all. */
export async function listRepositories(sql: Sql, owner: number, ids: readonly number[] | null): Promise<Repository[]> {
  const rows = await sql.query<Row>(
    `${select} where r.owner = $1 and ($2::bigint[] is null or r.id = any ($2::bigint[])) order by lower(r.name)`,
    [owner, ids],
  );
  return rows.map(fromRow);
}

export const allRepositories = async (sql: Sql): Promise<Repository[]> => (await sql.query<Row>(select)).map(fromRow);

/** undefined when the name is taken. */
export async function insertRepository(
  sql: Sql,
  wanted: {
    owner: number;
    name: string;
    description: string | null;
    private: boolean;
    defaultBranch: string;
    at: Date;
  },
): Promise<Repository | undefined> {
  const row = await sql.maybe<{ id: number }>(
    `insert into repositories (owner, name, description, private, default_branch, created_at, updated_at, pushed_at)
     values ($1, $2, $3, $4, $5, $6, $6, $6) on conflict do nothing returning id`,
    [wanted.owner, wanted.name, wanted.description, wanted.private, wanted.defaultBranch, wanted.at],
  );
  return row === undefined ? undefined : readRepository(sql, row.id);
}

/** The next number of an issue or pull request; the row stays locked until the transaction ends. */
export async function nextNumber(sql: Sql, repository: number): Promise<number> {
  const row = await sql.one<{ n: number }>(
    `update repositories set last_number = last_number + 1 where id = $1 returning last_number as n`,
    [repository],
  );
  return row.n;
}

export async function touchPushed(sql: Sql, repository: number, at: Date): Promise<void> {
  await sql.query("update repositories set pushed_at = $2, updated_at = $2 where id = $1", [repository, at]);
}
