-- About a second of inserts, joins, indices and transactions in memory.
PRAGMA journal_mode = MEMORY;
CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT);
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER, total REAL, note TEXT);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO customer SELECT i, 'customer ' || i, 'city ' || (i % 97) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250000)
INSERT INTO orders SELECT i, 1 + (i * 7919) % 20000, (i * 31 % 1000) / 10.0, 'note ' || (i * i % 100003) FROM n;
COMMIT;
CREATE INDEX orders_customer ON orders(customer);
CREATE INDEX orders_note ON orders(note, total);
SELECT city, count(*), round(sum(total), 2) FROM customer JOIN orders ON orders.customer = customer.id
GROUP BY city ORDER BY 3 DESC LIMIT 10;
SELECT count(*) FROM orders a JOIN orders b ON a.note = b.note AND a.id < b.id WHERE a.total > 50;
SELECT count(*) FROM orders WHERE note LIKE '%77%' OR note GLOB '*1?1*';
BEGIN;
UPDATE orders SET total = total * 1.1 WHERE customer % 3 = 0;
ROLLBACK;
SELECT round(sum(total), 2) FROM orders;
