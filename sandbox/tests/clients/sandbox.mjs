// What a script has to know of the sandbox it is run against.

export const connection = JSON.parse(process.env.SANDBOX);

// @azure/identity asks Microsoft's cloud about every other authority unless it is told not to.
export const authority = { authorityHost: connection.https, disableInstanceDiscovery: true };

/** The admin API: for tests, no part of Dataverse. */
export async function admin(method, path, body) {
  const answer = await fetch(`${connection.admin_url}/${path}`, { method, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}
