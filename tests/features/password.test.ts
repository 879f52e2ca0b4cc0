import { describe, expect, test } from '@jest/globals';
import {
  checkPassword,
  hashPassword,
  impossibleHash,
  MAX_PASSWORD_LENGTH,
} from '../../src/features/account/password.ts';

/** Made with Python's hashlib.scrypt(b'pleaseletmein', salt=b'SodiumChloride..', n=2**14, r=8, p=1, dklen=32). */
const FOREIGN_HASH =
  '$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGUuLg$yW4mhIlOoEW496uK3bXTIgJvoiHVZ7eo3xY/SZeKCgA';

describe('a password', () => {
  test('is hashed with the recommended cost and checked', async () => {
    const hash = await hashPassword('correct horse');
    expect(hash).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    await expect(checkPassword('correct horse', hash)).resolves.toBe(true);
    await expect(checkPassword('correct horsf', hash)).resolves.toBe(false);
  });

  test('hashes differently each time: the salt is random', async () => {
    expect(await hashPassword('x')).not.toBe(await hashPassword('x'));
  });

  test('fits a hash another implementation made, with the cost that hash names', async () => {
    await expect(checkPassword('pleaseletmein', FOREIGN_HASH)).resolves.toBe(true);
  });

  test('is the same however its accents were composed', async () => {
    await expect(checkPassword('cafe\u0301', await hashPassword('caf\u00e9'))).resolves.toBe(true);
  });

  test('is not cut at a NUL', async () => {
    await expect(checkPassword('a\u0000b', await hashPassword('a\u0000c'))).resolves.toBe(false);
  });

  test.each([[''], ['a'.repeat(MAX_PASSWORD_LENGTH + 1)]])(
    'is refused when it is empty or too long',
    async (password) => {
      await expect(hashPassword(password)).rejects.toThrow(RangeError);
    },
  );
});

describe('a hash', () => {
  test.each([
    ['plain text', 'secret'],
    ['no hash', ''],
    ['another algorithm', '$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA'],
    ['a cost of gigabytes', `$scrypt$ln=30,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`],
    ['no salt', `$scrypt$ln=15,r=8,p=3$$${'A'.repeat(43)}`],
    ['a key of one byte, which one password in 256 fits', `$scrypt$ln=15,r=8,p=3$${'A'.repeat(22)}$AA`],
  ])('that is %s is refused', async (_name, hash) => {
    await expect(checkPassword('secret', hash)).rejects.toThrow('PHC');
  });

  test('that is impossible costs what the one it stands in for costs, and fits nothing', async () => {
    const like = await hashPassword('x');
    expect(impossibleHash(like)).toContain('$ln=15,r=8,p=3$');
    expect(impossibleHash(FOREIGN_HASH)).toContain('$ln=14,r=8,p=1$');
    await expect(checkPassword('x', impossibleHash())).resolves.toBe(false);
  });
});
