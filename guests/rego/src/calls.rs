//! Finds what a policy calls that is not there.
//!
//! Regorus looks a function up when it calls it: a policy whose only misspelt line is seldom reached would be kept, and come
//! to no verdict when it matters.

use std::collections::BTreeSet;

use regorus::unstable::{BUILTINS, Expr, Literal, LiteralStmt, Module, Query, Ref, Rule, RuleAssign, RuleHead};

use crate::functions;

/// Refuses a call of a function that neither the module, nor Regorus as it is built here, nor [`functions`] has.
pub(crate) fn check(module: &Module, package: &[String]) -> Result<(), String> {
    let mut search = Search { own: BTreeSet::new() };
    for rule in &module.policy {
        if let Some(name) = function(rule) {
            search.own.insert(format!("data.{}.{name}", package.join(".")));
            search.own.insert(name);
        }
    }
    module.policy.iter().try_for_each(|rule| search.rule(rule))
}

/// The name of the function that a rule is of, if it is of one.
fn function(rule: &Rule) -> Option<String> {
    match rule {
        Rule::Spec { head: RuleHead::Func { refr, .. }, .. } => path(refr),
        Rule::Default { refr, args, .. } if !args.is_empty() => path(refr),
        Rule::Spec { .. } | Rule::Default { .. } => None,
    }
}

/// `a.b.c`; none for what is no such name.
fn path(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Var { span, .. } => Some(span.text().to_owned()),
        Expr::RefDot { refr, field, .. } => Some(format!("{}.{}", path(refr)?, field.0.text())),
        _ => None,
    }
}

struct Search {
    own: BTreeSet<String>,
}

impl Search {
    fn called(&self, function: &Expr) -> Result<(), String> {
        let span = function.span();
        let name = path(function).unwrap_or_else(|| span.text().to_owned());
        let known = self.own.contains(&name)
            || name == "print"
            || functions::has(&name)
            || BUILTINS.contains_key(name.as_str());
        if known {
            Ok(())
        } else {
            Err(format!("line {}, column {}: there is no function {name}", span.line, span.col))
        }
    }

    fn rule(&self, rule: &Rule) -> Result<(), String> {
        match rule {
            Rule::Spec { head, bodies, .. } => {
                self.head(head)?;
                for body in bodies {
                    self.assign(body.assign.as_ref())?;
                    self.query(&body.query)?;
                }
                Ok(())
            }
            Rule::Default { refr, args, value, .. } => {
                self.expression(refr)?;
                self.all(args)?;
                self.expression(value)
            }
        }
    }

    fn head(&self, head: &RuleHead) -> Result<(), String> {
        match head {
            RuleHead::Compr { refr, assign, .. } => {
                self.expression(refr)?;
                self.assign(assign.as_ref())
            }
            RuleHead::Set { refr, key, .. } => {
                self.expression(refr)?;
                self.all(key)
            }
            RuleHead::Func { args, assign, .. } => {
                self.all(args)?;
                self.assign(assign.as_ref())
            }
        }
    }

    fn assign(&self, assign: Option<&RuleAssign>) -> Result<(), String> {
        assign.map_or(Ok(()), |assign| self.expression(&assign.value))
    }

    fn query(&self, query: &Query) -> Result<(), String> {
        query.stmts.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&self, statement: &LiteralStmt) -> Result<(), String> {
        for with in &statement.with_mods {
            self.expression(&with.r#as)?;
        }
        match &statement.literal {
            Literal::SomeVars { .. } => Ok(()),
            Literal::SomeIn { key, value, collection, .. } => {
                self.all(key)?;
                self.expression(value)?;
                self.expression(collection)
            }
            Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => self.expression(expr),
            Literal::Every { domain, query, .. } => {
                self.expression(domain)?;
                self.query(query)
            }
        }
    }

    fn all<'a>(&self, expressions: impl IntoIterator<Item = &'a Ref<Expr>>) -> Result<(), String> {
        expressions.into_iter().try_for_each(|expression| self.expression(expression))
    }

    /// Regorus bounds how deep expressions nest.
    fn expression(&self, expression: &Expr) -> Result<(), String> {
        match expression {
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. }
            | Expr::Var { .. } => Ok(()),
            Expr::Array { items, .. } | Expr::Set { items, .. } => self.all(items),
            Expr::Object { fields, .. } => fields.iter().try_for_each(|(_, key, value)| self.all([key, value])),
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.expression(term)?;
                self.query(query)
            }
            Expr::ObjectCompr { key, value, query, .. } => {
                self.all([key, value])?;
                self.query(query)
            }
            Expr::Call { fcn, params, .. } => {
                self.called(fcn)?;
                self.all(params)
            }
            Expr::UnaryExpr { expr, .. } => self.expression(expr),
            Expr::RefDot { refr, .. } => self.expression(refr),
            Expr::RefBrack { refr, index, .. } => self.all([refr, index]),
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. }
            | Expr::AssignExpr { lhs, rhs, .. } => self.all([lhs, rhs]),
            Expr::Membership { key, value, collection, .. } => {
                self.all(key)?;
                self.all([value, collection])
            }
        }
    }
}
