/** An account that is nobody: a tenant's program. */
export type ServiceAccount = {
  /** Of its row in `users`. */
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly grants: readonly ServiceGrant[];
};

export type ServiceGrant = {
  readonly role: string;
  /** null: the whole tenant. */
  readonly project: string | null;
};

export const serviceAccountColumns = `a.id, a.tenant, a.name, a.created_by as "createdBy", a.created_at as "createdAt",
  coalesce((select jsonb_agg(jsonb_build_object('role', g.role, 'project', g.project) order by g.project nulls first, g.role)
            from service_grants g where g.account = a.id), '[]') as grants`;
