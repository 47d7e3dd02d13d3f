// One login with openid-client. Reads what it is from its argument; says where the browser is to go; reads where that
// came back to; says what it found. Nothing of the provider is known here but its issuer.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const given = JSON.parse(process.argv[2])
const client = createRequire(`${given.modules}/`)('openid-client')
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`)

async function authentication () {
  if (!given.key) return given.client_secret ? client.ClientSecretPost(given.client_secret) : client.None()
  const { kid, ...jwk } = given.key
  const key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
  return client.PrivateKeyJwt({ key, kid })
}

const options = { execute: [client.allowInsecureRequests] }
const config = await client.discovery(new URL(given.issuer), given.client_id, {}, await authentication(), options)
const bound = given.dpop ? { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) } : {}

const verifier = client.randomPKCECodeVerifier()
const state = client.randomState()
const nonce = client.randomNonce()
const asked = {
  redirect_uri: given.redirect_uri,
  scope: 'openid profile offline_access',
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
  nonce
}
const build = given.par ? client.buildAuthorizationUrlWithPAR : client.buildAuthorizationUrl
say({ url: await build(config, asked, bound) })

const back = new URL(JSON.parse((await lines.next()).value))
const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }
const tokens = await client.authorizationCodeGrant(config, back, checks, undefined, bound)
const claims = tokens.claims()
const fresh = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, bound)
const userinfo = await client.fetchUserInfo(config, fresh.access_token, claims.sub, bound)
await client.tokenRevocation(config, fresh.refresh_token ?? tokens.refresh_token)
const refused = await client.refreshTokenGrant(config, fresh.refresh_token ?? tokens.refresh_token, undefined, bound)
  .then(() => null, (error) => error.error)
const end = client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: given.out })
say({ claims, userinfo, refused, token_type: tokens.token_type, end })
process.exit(0)
