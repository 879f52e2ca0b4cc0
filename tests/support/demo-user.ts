/** How the tests log in where users are the real ones. */
export const DEMO = { name: 'demo', password: 'a password for tests' };

/** USERS with that user. The hash has the lowest cost that the setting takes: a check is 10 ms in place of 200. */
export const DEMO_USERS = JSON.stringify([
  {
    id: 'demo',
    name: DEMO.name,
    passwordHash: '$scrypt$ln=13,r=8,p=1$cW57m/x33z/sVy8vP7SEKg$jo3bwhbGAvyG+e4OfBF62SvfvzX2maiupwcqMe7/wgQ',
  },
]);
