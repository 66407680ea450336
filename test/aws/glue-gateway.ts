import { type HttpProxy, openProxy, type ProxiedAnswer, type ProxiedRequest } from './proxy.ts';

/**
 * In front of moto, which updates a table whatever VersionId it is given: as Glue does, a version that is not the current
 * one is refused (ConcurrentModificationException), and updates of all tables happen one after the other.
 * https://docs.aws.amazon.com/glue/latest/webapi/API_UpdateTable.html
 */
export async function openGlueGateway(moto: string): Promise<HttpProxy> {
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(action: () => Promise<T>): Promise<T> => {
    const mine = turn.then(action);
    turn = mine.catch(() => undefined);
    return mine;
  };
  return openProxy(moto, async (asked, forward) => {
    const target = asked.headers['x-amz-target'];
    if (target !== 'AWSGlue.UpdateTable') return forward(asked);
    return inTurn(async () => {
      const input = JSON.parse(asked.body.toString());
      if (input.VersionId === undefined) return forward(asked);
      const current = await forward(getTable(asked, input.DatabaseName, input.TableInput.Name));
      const versionId = JSON.parse(current.body.toString()).Table?.VersionId;
      if (versionId !== undefined && versionId !== input.VersionId) return stale();
      return forward(asked);
    });
  });
}

function getTable(asked: ProxiedRequest, database: string, name: string): ProxiedRequest {
  const body = Buffer.from(JSON.stringify({ DatabaseName: database, Name: name }));
  return {
    ...asked,
    body,
    headers: { ...asked.headers, 'x-amz-target': 'AWSGlue.GetTable', 'content-length': String(body.length) },
  };
}

function stale(): ProxiedAnswer {
  return {
    status: 400,
    headers: { 'content-type': 'application/x-amz-json-1.1' },
    body: Buffer.from(
      JSON.stringify({
        __type: 'ConcurrentModificationException',
        Message: 'Update table failed due to concurrent modifications.',
      }),
    ),
  };
}
