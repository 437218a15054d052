-- Inserts, joins, indices, transactions and a rollback: the same calls on every run.
PRAGMA journal_mode = MEMORY;
CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT);
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer, total REAL, note TEXT);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
INSERT INTO customer SELECT i, 'customer ' || i, 'city ' || (i % 97) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
INSERT INTO orders SELECT i, 1 + (i * 7919) % 2000, (i * 31 % 1000) / 10.0, 'note ' || (i * i % 1009) FROM n;
COMMIT;
CREATE INDEX orders_customer ON orders(customer);
CREATE INDEX orders_note ON orders(note, total);
SELECT city, count(*), round(sum(total), 2) FROM customer JOIN orders ON orders.customer = customer.id
GROUP BY city ORDER BY 3 DESC LIMIT 10;
SELECT count(*) FROM orders a JOIN orders b ON a.note = b.note AND a.id < b.id WHERE a.total > 50;
SELECT name FROM customer WHERE name LIKE '%99%' ORDER BY name DESC LIMIT 5;
BEGIN;
UPDATE orders SET total = total * 1.1 WHERE customer % 3 = 0;
DELETE FROM orders WHERE note GLOB 'note 1*';
ROLLBACK;
SELECT count(*), round(sum(total), 2) FROM orders;
CREATE VIRTUAL TABLE document USING fts5(body);
INSERT INTO document SELECT note || ' for ' || name FROM orders JOIN customer ON customer.id = orders.customer WHERE orders.id <= 1000;
SELECT count(*) FROM document WHERE document MATCH 'note AND 9*';
SELECT printf('%.3f', avg(total)), group_concat(DISTINCT substr(note, 6, 1)) FROM orders;
INSERT INTO customer VALUES (1, 'a duplicate', NULL);
VACUUM;
PRAGMA integrity_check;
